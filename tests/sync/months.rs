//! Ledgers in PostgreSQL have a table for each month, which goes as a whole once all that is in it was
//! removed.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::json;

use super::pair::{ID, SITE, assert_balanced, until_confirmed};
use super::receiver::{Receiver, SECRET};
use super::sinks::{deduct, feed, sink};
use crate::support::bodies::one;
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::{throughout, until};
use crate::support::postgres::Postgres;
use crate::support::process::{Finished, run_to_end};
use crate::support::program::stockgate_hub;

/// This month, as the tables count it.
const NOW: &str = "CAST(extract(year FROM now() AT TIME ZONE 'UTC') * 12
    + extract(month FROM now() AT TIME ZONE 'UTC') - 23641 AS BIGINT)";
const DAY_MS: i64 = 86_400_000;
/// What a hub logs of a table that it cannot make, or not remove.
const NOT_MADE: &str = "a table for the ledgers of a month cannot be made";
const NOT_REMOVED: &str = "a table of ledgers that were removed stays";

#[test]
fn ledgers_of_an_earlier_version_get_tables_by_month_and_go_on() {
    let mut books = Books::traded();
    let before = (feed(&books.hub), books.hub.ledger(SITE, ID));
    books.changed(&(version_21() + GRANTS));
    assert_eq!((feed(&books.hub), books.hub.ledger(SITE, ID)), before);
    assert_eq!((books.count("entry_first"), books.count("movement_first")), (6, 2));
    assert_eq!(books.sql("SELECT * FROM own_view"), "8", "it goes on with the new tables");
    let may = "SELECT has_table_privilege('analyst', 'entry', 'SELECT'),
        has_table_privilege('analyst', 'inventory_changed_event', 'SELECT'),
        has_column_privilege('An Auditor', 'movement', 'sku', 'SELECT'),
        has_table_privilege('An Auditor', 'movement', 'SELECT')";
    assert_eq!(books.sql(may), "t|t|t|f");
    let months =
        "SELECT count(*) FROM pg_inherits WHERE inhrelid::regclass::text ~ '_[0-9]{4}_[0-9]{2}$'";
    assert_eq!(books.sql(months), "4", "the next two of each ledger");
    deduct(&books.gateway, &["s5"]);
    until_confirmed(&books.gateway);
    books.receive("po-3");
    until("they are in the feed", || feed(&books.hub).len() == 10);
    assert_eq!(books.sql("SELECT * FROM own_view"), "10");
    assert_eq!((books.count("entry_first"), books.count("movement_first")), (7, 3));
    books.assert_sound();
}

#[test]
fn a_month_goes_as_a_whole_table_once_every_sink_has_taken_it_and_all_of_it_is_old() {
    let mut books = Books::traded();
    books.erp.state().status = Some(500);
    books.receive("po-late");
    until("it is in the feed", || feed(&books.hub).len() == 9);
    books.changed(&two_months_older());
    books.trade_again(&["s5"], "po-3");
    until("what the sink has taken is removed", || feed(&books.hub).len() == 3);
    assert_eq!((books.count("entry_first"), books.count("movement_first")), (6, 3), "as a whole");
    assert_eq!(books.hub.ledger(SITE, ID).len(), 1);
    assert_eq!(books.count("inventory_changed_event"), 3);
    books.assert_sound();
    // One was booked late: it has the older month, and follows the first one of this month.
    books.changed(&format!(
        "UPDATE movement SET month = {NOW} - 2 WHERE seq = 4;
         UPDATE feed SET month = {NOW} - 2 WHERE book = 0 AND last_seq = 4"
    ));
    throughout(Duration::from_secs(1), || {
        assert_eq!(books.first_tables(), "entry_first movement_first", "the sink lags");
    });
    books.erp.state().status = None;
    until("the sink catches up", || sink(&books.hub, "erp")["lag_events"] == 0);
    // Somebody reads meanwhile, and the hub is killed.
    let end = tempfile::tempdir().unwrap();
    let reading = books.read_until(&end.path().join("it is over"));
    books.hub.restart();
    until("the rest is removed", || feed(&books.hub).len() == 2);
    books.hub.kill9();
    books.hub.launch();
    books.hub.wait_until_logged(0, &[NOT_REMOVED]);
    deduct(&books.gateway, &["s6"]);
    until_confirmed(&books.gateway);
    assert!(!reading.is_finished(), "nothing waits for it");
    assert_eq!(books.first_tables(), "entry_first movement_first");
    fs::write(end.path().join("it is over"), "").unwrap();
    drop(reading.join());
    books.hub.kill9();
    books.hub.launch();
    until("the table is removed", || books.first_tables() == "movement_first");
    assert_eq!(books.count("movement_first"), 4, "what was booked late keeps its table");
    assert_eq!(books.hub.ledger(SITE, ID).len(), 2);
    assert_eq!(feed(&books.hub).len(), 3);
    books.assert_sound();

    books.changed(&older_by(60));
    books.trade_again(&["s7"], "po-4");
    until("it is removed, too", || feed(&books.hub).len() == 2);
    books.hub.restart();
    until("and its table", || books.first_tables().is_empty());
    assert_eq!(books.hub.stock("A")["total"], 100 + 5 * 9 - 7);
    books.assert_sound();
}

#[test]
fn what_is_booked_in_a_month_without_a_table_is_kept_and_removed_as_everything_else() {
    let mut books = Books::traded();
    let taken = "SELECT format('CREATE TABLE entry_%s (other INT)',
        to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM'))";
    let taken = books.sql(taken);
    books.changed(&(two_months_older() + &taken));
    assert!(books.hub.log().contains(NOT_MADE), "{}", books.hub.log());
    books.trade_again(&["s5", "s6"], "po-3");
    until("what is old is removed", || feed(&books.hub).len() == 3);
    assert_eq!((books.count("entry_default"), books.count("movement_default")), (2, 0));
    assert_eq!(books.hub.ledger(SITE, ID).len(), 2);
    books.assert_sound();

    let free = taken.replace("CREATE", "DROP").replace(" (other INT)", "");
    books.changed(&(free + ";" + &older_by(60)));
    let log = books.hub.log();
    assert!(log.contains("entry_default has rows of 20"), "it stays there: {log}");
    books.trade_again(&["s7"], "po-4");
    until("they are removed, too", || feed(&books.hub).len() == 2);
    assert_eq!(books.count("entry_default"), 1, "row by row");
    assert_eq!(books.first_tables(), "", "what was before went as a whole");
    assert_eq!(books.hub.ledger(SITE, ID).len(), 1);
    books.assert_sound();
}

#[test]
fn workers_that_start_together_make_the_tables_of_the_next_months_once() {
    let postgres = Postgres::start();
    Hub::start_on(&postgres.url(), "").terminate();
    let mut workers = ["hub-1", "hub-2", "hub-3"]
        .map(|name| Hub::prepare_on(&postgres.url(), &format!("worker = \"{name}\"\n")));
    let months = "FROM pg_inherits WHERE inhrelid::regclass::text ~ '_[0-9]{4}_[0-9]{2}$'";
    for _ in 0..3 {
        let remove = format!(
            "DO $$ DECLARE part text; BEGIN
                 FOR part IN SELECT inhrelid::regclass::text {months} LOOP
                     EXECUTE format('DROP TABLE %s', part);
                 END LOOP; END $$"
        );
        postgres.sql(&remove);
        workers.iter_mut().for_each(Hub::spawn);
        for worker in &workers {
            until("each worker is ready", || {
                let answer = worker.http().try_send("GET", "/readyz", None);
                answer.is_ok_and(|answer| answer.status == 200)
            });
        }
        assert_eq!(postgres.sql(&format!("SELECT count(*) {months}")), "4");
        for worker in &mut workers {
            assert_eq!(worker.terminate(), Some(0));
        }
    }
    assert!(workers.iter().all(|worker| !worker.log().contains(NOT_MADE)));
}

/// A hub on PostgreSQL, a gateway, and a sink.
struct Books {
    postgres: Postgres,
    erp: Receiver,
    hub: Hub,
    gateway: Gateway,
    _broker: Broker,
}

impl Books {
    /// Books with six entries of the gateway and two of the hub's own, which the sink has taken.
    fn traded() -> Self {
        let (broker, postgres, erp) = (Broker::start(), Postgres::start(), Receiver::start());
        let sections =
            format!("ledger_retention_days = 30\n{}{}", erp.section("erp", ""), broker.section());
        let mut hub = Hub::prepare_on(&postgres.url(), &sections);
        hub.write("erp.secret", SECRET);
        hub.launch();
        let gateway = Gateway::stocked_with(&broker.section(), &[("A", 100), ("B", 7)]);
        deduct(&gateway, &["s1", "s2", "s3", "s4"]);
        until_confirmed(&gateway);
        let books = Self { postgres, erp, hub, gateway, _broker: broker };
        books.receive("po-1");
        books.receive("po-2");
        until("all are in the feed", || feed(&books.hub).len() == 8);
        until("the sink has all", || sink(&books.hub, "erp")["lag_events"] == 0);
        books
    }

    fn receive(&self, id: &str) {
        assert_eq!(self.hub.http().post("/api/receipts", &one(id, "A", 9)).status, 200);
    }

    /// Books something of today, which shows the next hub that its clock is right.
    fn trade_again(&mut self, sales: &[&str], receipt: &str) {
        let before = feed(&self.hub).len();
        deduct(&self.gateway, sales);
        until_confirmed(&self.gateway);
        self.receive(receipt);
        until("it is in the feed", || feed(&self.hub).len() == before + sales.len() + 1);
        if self.erp.state().status.is_none() {
            until("the sink has it", || sink(&self.hub, "erp")["lag_events"] == 0);
        }
        let now = "extract(epoch FROM now()) * 1000";
        let is_new = format!("at_ms > {now} - {DAY_MS}");
        self.changed(&format!("UPDATE feed SET at_ms = at_ms - 2 * {DAY_MS} WHERE {is_new}"));
    }

    /// Stops the hub, changes its books, and starts it again.
    fn changed(&mut self, sql: &str) {
        self.hub.terminate();
        self.sql(sql);
        self.hub.launch();
    }

    fn sql(&self, sql: &str) -> String {
        self.postgres.sql(sql)
    }

    fn count(&self, table: &str) -> u64 {
        self.sql(&format!("SELECT count(*) FROM {table}")).parse().unwrap()
    }

    /// The first tables of the ledgers that are there.
    fn first_tables(&self) -> String {
        self.sql("SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname IN ('entry_first', 'movement_first')")
    }

    /// Reads a ledger, in a transaction that ends once there is such a file.
    fn read_until(&self, there_is: &Path) -> JoinHandle<Finished> {
        let (url, there_is) = (self.postgres.url(), there_is.display().to_string());
        let reading = thread::spawn(move || {
            let mut psql = Command::new("psql");
            let pause =
                format!("\\! timeout 120 sh -c 'until [ -e \"{there_is}\" ]; do sleep 0.1; done'");
            psql.args([&url, "-Xqc", "BEGIN; SELECT count(*) FROM entry", "-c", &pause]);
            run_to_end(&mut psql)
        });
        let is_read = "SELECT count(*) > 0 FROM pg_locks JOIN pg_stat_activity USING (pid)
            WHERE application_name = 'psql' AND relation = 'entry'::regclass AND pid <> pg_backend_pid()";
        until("it reads", || self.sql(is_read) == "t");
        reading
    }

    /// Balance and chains hold, and every ledger adds up to its stock.
    fn assert_sound(&self) {
        assert_balanced(&self.hub);
        let repaired =
            self.hub.http().post(&format!("/api/gateways/{SITE}/{ID}/repair"), &json!({}));
        assert_eq!(repaired.json(), json!({"repaired": []}));
        let mut verify = stockgate_hub();
        let verified = run_to_end(verify.arg("verify").arg("--config").arg(self.hub.config_path()));
        assert_eq!(verified.code, Some(0), "{}", verified.output());
    }
}

/// Makes all that is booked two months older: its tables end before the last month.
fn two_months_older() -> String {
    let table = |ledger: &str| {
        format!(
            "ALTER TABLE {ledger} DETACH PARTITION {ledger}_first;
             UPDATE {ledger}_first SET month = month - 2;
             ALTER TABLE {ledger} ATTACH PARTITION {ledger}_first
                 FOR VALUES FROM (MINVALUE) TO ({NOW} - 1);"
        )
    };
    let months = "UPDATE feed SET month = month - 2;";
    table("entry") + &table("movement") + months + &older_by(60)
}

fn older_by(days: i64) -> String {
    format!("UPDATE feed SET at_ms = at_ms - {};", days * DAY_MS)
}

/// Brings the tables back to version 21, in which a ledger was one table.
fn version_21() -> String {
    let views = fs::read_to_string("src/hub/db/schema/version_17_postgresql.sql").unwrap();
    let view = &views[views.find("CREATE VIEW").unwrap()..];
    let table = |ledger: &str, key: &str| {
        format!(
            "CREATE TABLE older AS SELECT * FROM {ledger};
             DROP TABLE {ledger};
             ALTER TABLE older DROP COLUMN month;
             ALTER TABLE older RENAME TO {ledger};
             ALTER TABLE {ledger} ADD PRIMARY KEY ({key});"
        )
    };
    let (entry, movement) = (table("entry", "book, seq"), table("movement", "seq"));
    format!(
        "DROP VIEW inventory_changed_event; {entry} {movement} {view}
         ALTER TABLE feed DROP COLUMN month; ALTER TABLE feed_waiting DROP COLUMN month;
         ALTER TABLE book DROP COLUMN in_step_ms; ALTER TABLE book DROP COLUMN frame_lost_broker;
         DROP TABLE listing_decimals, worker; DROP INDEX demand_sku;
         UPDATE stockgate_version SET version = 21;"
    )
}

/// What an administrator has given before the upgrade.
const GRANTS: &str = "CREATE ROLE analyst; CREATE ROLE \"An Auditor\";
    GRANT SELECT ON entry, inventory_changed_event TO analyst;
    GRANT SELECT (sku, change) ON movement TO \"An Auditor\";
    CREATE VIEW own_view AS SELECT count(*) FROM inventory_changed_event";
