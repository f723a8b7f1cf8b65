//! Inserts many rows by COPY, which the server does twice as fast as a statement.

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::SinkExt as _;
use tokio_postgres::{Client, Error};

use crate::hub::db::schema::Table;
use crate::hub::db::sql::{SqlRow, SqlValue};

/// From so many rows on, what is saved is more than the round trips cost.
pub(super) const COPIED_MIN: usize = 1_000;

/// The signature of the binary format, and a header without options.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const END: i16 = -1;
const NULL: i32 = -1;
/// About the length of a row of entries.
const ROW_BYTES: usize = 200;

/// Inserts whole rows. The statement is prepared and closed within the transaction, so it stays in no
/// session.
pub(super) async fn copy(client: &Client, table: &Table, rows: &[SqlRow]) -> Result<(), Error> {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let sql = format!("COPY {} ({}) FROM STDIN BINARY", table.name, names.join(", "));
    let sink = client.copy_in(&sql).await?;
    let mut sink = std::pin::pin!(sink);
    sink.send(encode(rows)).await?;
    sink.finish().await.map(drop)
}

fn encode(rows: &[SqlRow]) -> Bytes {
    let mut out = BytesMut::with_capacity(HEADER.len() + rows.len() * ROW_BYTES);
    out.put_slice(HEADER);
    for row in rows {
        out.put_i16(i16::try_from(row.len()).expect("tables have few columns"));
        row.iter().for_each(|value| put(&mut out, value));
    }
    out.put_i16(END);
    out.freeze()
}

fn put(out: &mut BytesMut, value: &SqlValue) {
    match value {
        SqlValue::Null => out.put_i32(NULL),
        SqlValue::Int(number) => {
            out.put_i32(8);
            out.put_i64(*number);
        }
        SqlValue::Text(text) => put_bytes(out, text.as_bytes()),
        SqlValue::Blob(bytes) => put_bytes(out, bytes),
    }
}

fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    out.put_i32(i32::try_from(bytes.len()).expect("values are short"));
    out.put_slice(bytes);
}
