//! What PostgreSQL itself takes: the same entries, inserted by sets, and nothing else.

use std::time::Instant;

use stockgate::stock::{Entry, OrderId};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls};

use crate::load::protocol::block_on;

/// Rows in one statement and transaction: about what a batch of the hub has.
const ROWS: usize = 10_000;

const INSERT: &str = "INSERT INTO bare SELECT * FROM unnest($1::bigint[], $2::bigint[],
    $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::bigint[],
    $10::text[], $11::text[], $12::text[], $13::text[], $14::bigint[])";

#[derive(Default)]
struct Rows {
    books: Vec<i64>,
    seqs: Vec<i64>,
    kinds: Vec<i64>,
    skus: Vec<String>,
    changes: Vec<i64>,
    reserved: Vec<i64>,
    orders: Vec<Option<String>>,
    requests: Vec<String>,
    times: Vec<i64>,
    nothing: Vec<Option<String>>,
    no_day: Vec<Option<i64>>,
}

impl Rows {
    fn push(&mut self, book: i64, entry: &Entry) {
        self.books.push(book);
        self.seqs.push(i64::try_from(entry.seq).unwrap());
        self.kinds.push(i64::from(entry.code()));
        self.skus.push(entry.sku.to_string());
        self.changes.push(entry.change);
        self.reserved.push(entry.reserved_change);
        self.orders.push(entry.order_id.as_ref().map(OrderId::to_string));
        self.requests.push(entry.request_id.to_string());
        self.times.push(entry.at_ms);
        self.nothing.push(None);
        self.no_day.push(None);
    }

    fn values(&self) -> [&(dyn ToSql + Sync); 14] {
        [
            &self.books,
            &self.seqs,
            &self.kinds,
            &self.skus,
            &self.changes,
            &self.reserved,
            &self.orders,
            &self.requests,
            &self.times,
            &self.nothing,
            &self.nothing,
            &self.nothing,
            &self.nothing,
            &self.no_day,
        ]
    }
}

/// How many rows were inserted, and in which time.
pub(crate) struct Inserted {
    pub(crate) rows: u64,
    seconds: f64,
}

impl Inserted {
    pub(crate) fn a_second(&self) -> f64 {
        self.rows as f64 / self.seconds
    }
}

/// Inserts the ledgers into a table like that of the books, over one connection.
pub(crate) fn insert(url: &str, ledgers: impl Iterator<Item = Vec<Entry>>) -> Inserted {
    let mut sets = vec![Rows::default()];
    for (book, ledger) in ledgers.enumerate() {
        for entry in &ledger {
            if sets.last().unwrap().seqs.len() == ROWS {
                sets.push(Rows::default());
            }
            sets.last_mut().unwrap().push(book as i64, entry);
        }
    }
    block_on(insert_sets(url, &sets))
}

async fn insert_sets(url: &str, sets: &[Rows]) -> Inserted {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    make_table(&client).await;
    let insert = client.prepare(INSERT).await.unwrap();
    let (began, mut rows) = (Instant::now(), 0);
    for set in sets {
        rows += client.execute(&insert, &set.values()).await.unwrap();
    }
    let inserted = Inserted { rows, seconds: began.elapsed().as_secs_f64() };
    client.batch_execute("DROP TABLE bare").await.unwrap();
    drop(client);
    let _ = connection.await;
    inserted
}

async fn make_table(client: &Client) {
    let sql = "DROP TABLE IF EXISTS bare; CREATE TABLE bare (LIKE entry INCLUDING ALL); CHECKPOINT";
    client.batch_execute(sql).await.unwrap();
}
