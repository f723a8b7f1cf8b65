//! Books in PostgreSQL: every way in which a server fails, and the ways to reach one.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::pair::{assert_balanced, until_confirmed};
use super::workers::assert_workers_share;
use crate::support::broker::Broker;
use crate::support::certificates::Authority;
use crate::support::gateway::Gateway;
use crate::support::http::Answer;
use crate::support::hub::Hub;
use crate::support::patience::{stretched, until};
use crate::support::pgbouncer::PgBouncer;
use crate::support::postgres::Postgres;
use crate::support::process::{Finished, free_port, run_to_end};
use crate::support::program::stockgate_hub;
use crate::support::terminal::Terminal;

/// Within this time a request is answered, whatever the server does.
const ANSWERED: Duration = Duration::from_secs(5);
/// Within this time a hub ends.
const ENDED: Duration = Duration::from_secs(10);

#[test]
fn a_server_that_fails_is_named_within_seconds_and_used_again_when_it_is_back() {
    let mut postgres = Postgres::start();
    let mut hub = Hub::start_on(&postgres.url(), "");
    assert_eq!(receive(&hub, "before").status, 200);
    for path in ["/api/stock/%00", "/api/stock?after=%00", "/api/demand?sku=%00"] {
        hub.http().get(path).refused("bad_request");
    }
    assert!(!hub.log().contains("cannot be read"), "{}", hub.log());

    postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'");
    assert_eq!(hub.http().get("/api/stock").status, 200, "a lost connection is made again");
    assert_eq!(receive(&hub, "after-loss").status, 200);

    set(&postgres, "default_transaction_read_only = on");
    until("the server is read-only", || receive(&hub, "read-only").status == 503);
    assert_eq!(hub.http().get("/readyz").status, 503);
    assert_eq!(hub.http().get("/healthz").status, 200);
    assert!(hub.log().contains("read-only transaction"), "{}", hub.log());
    set(&postgres, "default_transaction_read_only = off");
    until("it is ready without a request", || hub.http().get("/readyz").status == 200);
    assert_eq!(receive(&hub, "read-write").status, 200);

    postgres.pause();
    unavailable(|| receive(&hub, "hanging"));
    unavailable(|| hub.http().get("/api/stock"));
    unavailable(|| hub.http().get("/api/export"));
    assert!(hub.log().contains("PostgreSQL does not answer in time"), "{}", hub.log());
    postgres.resume();
    until("it answers again", || receive(&hub, "hanging").status == 200);

    postgres.restart();
    until("the new connections work", || receive(&hub, "restarted").status == 200);
    assert_eq!(hub.stock("A")["unallotted"], 5, "each receipt once");
    assert_balanced(&hub);

    postgres.pause();
    unavailable(|| receive(&hub, "never"));
    let began = Instant::now();
    assert_eq!(hub.terminate(), Some(0), "a stop needs no server");
    assert!(began.elapsed() < stretched(ENDED), "{:?}", began.elapsed());
}

#[test]
fn a_commit_that_was_not_confirmed_is_said_as_such() {
    let postgres = Postgres::start();
    let relay = CommitRelay::to(postgres.port());
    let url = postgres.url().replace(&postgres.port().to_string(), &relay.port.to_string());
    let hub = Hub::start_on(&url, "");
    assert_eq!(receive(&hub, "before").status, 200);

    relay.cuts.store(true, Ordering::Relaxed);
    let answer = receive(&hub, "unconfirmed");
    assert_eq!(answer.status, 503);
    assert!(answer.text.contains("whether it was applied is not known"), "{}", answer.text);

    relay.cuts.store(false, Ordering::Relaxed);
    until("it is used again", || receive(&hub, "unconfirmed").status == 200);
    assert_eq!(hub.stock("A")["unallotted"], 2, "each receipt once");
}

/// A relay to PostgreSQL. While it cuts, it passes a commit on and closes the connection before
/// the answer, and takes no other connections.
struct CommitRelay {
    port: u16,
    cuts: Arc<AtomicBool>,
}

impl CommitRelay {
    fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let cuts = Arc::new(AtomicBool::new(false));
        let is_cutting = Arc::clone(&cuts);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if is_cutting.load(Ordering::Relaxed) {
                    continue;
                }
                let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let never = Arc::new(AtomicBool::new(false));
                thread::spawn(move || pass(back, &never));
                let is_cutting = Arc::clone(&is_cutting);
                thread::spawn(move || pass((client, server), &is_cutting));
            }
        });
        Self { port, cuts }
    }
}

fn pass((mut from, mut to): (TcpStream, TcpStream), is_cutting: &AtomicBool) {
    let mut buffer = [0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let is_commit = buffer[..length].windows(7).any(|part| part == b"COMMIT\0");
        if is_commit && is_cutting.load(Ordering::Relaxed) {
            // The server commits, and the answer is lost.
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.write_all(&buffer[..length]);
            thread::sleep(Duration::from_millis(200));
            break;
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[test]
fn a_worker_that_hangs_in_a_transaction_does_not_stop_another() {
    let postgres = Postgres::start();
    let hub = Hub::start_on(&postgres.url(), "");
    receive(&hub, "first");
    // A worker that locks everything and then hangs, with the limits that a worker sets.
    let url = postgres.url();
    let hanging = thread::spawn(move || {
        let mut psql = std::process::Command::new("psql");
        let sql = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 2500; LOCK book, pool, held, request;";
        psql.args([&url, "-Xqc", sql, "-c", "\\! sleep 6"]);
        run_to_end(&mut psql)
    });
    thread::sleep(Duration::from_millis(500));

    until("the locks are released", || receive(&hub, "second").status == 200);

    drop(hanging.join());
    assert_eq!(hub.stock("A")["unallotted"], 2);
}

#[test]
fn servers_are_verified_as_sslmode_says() {
    let (authority, other) = (Authority::new(), Authority::new());
    let postgres = Postgres::start_with_tls(&authority);
    let ca = authority.file().display().to_string();
    let foreign = other.file().display().to_string();

    for parameters in [
        format!("?sslmode=verify-full&sslrootcert={ca}"),
        format!("?sslmode=verify-ca&sslrootcert={ca}"),
        "?sslmode=require".to_owned(),
    ] {
        let hub = Hub::start_on(&postgres.url_with(&parameters), "");
        assert_eq!(receive(&hub, "one").status, 200, "{parameters}");
        let secure = "SELECT count(*) > 0 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                      WHERE ssl AND application_name = 'stockgate-hub'";
        assert_eq!(postgres.sql(secure), "t", "{parameters}");
    }

    for mode in ["verify-full", "verify-ca", "require"] {
        let url = postgres.url_with(&format!("?sslmode={mode}&sslrootcert={foreign}"));
        let refused = run_on(&url);
        assert_eq!(refused.code, Some(1), "{mode}");
        assert!(refused.stderr.contains("certificate"), "{mode}: {}", refused.stderr);
    }
    let elsewhere = postgres.url_with(&format!("?sslmode=verify-full&sslrootcert={ca}"));
    let refused = run_on(&elsewhere.replace("127.0.0.1", "localhost"));
    assert!(refused.stderr.contains("not valid for name"), "{}", refused.stderr);
    let by_issuer = postgres.url_with(&format!("?sslmode=verify-ca&sslrootcert={ca}"));
    Hub::start_on(&by_issuer.replace("127.0.0.1", "localhost"), "");
}

#[test]
fn a_hub_logs_in_with_its_certificate() {
    let authority = Authority::new();
    let postgres = Postgres::start_with_tls(&authority);
    postgres.sql("CREATE ROLE hub LOGIN SUPERUSER");
    postgres.require_certificates();
    let identity = authority.sign("hub", "DNS:hub");
    let ca = authority.file().display().to_string();
    let url = |parameters: &str| postgres.url_with(parameters).replace("postgres@", "hub@");
    let verify = format!("?sslmode=verify-full&sslrootcert={ca}");

    let without = run_on(&url(&verify));
    let (certificate, key) = (identity.certificate.display(), identity.key.display());
    let hub = Hub::start_on(&url(&format!("{verify}&sslcert={certificate}&sslkey={key}")), "");

    assert!(without.stderr.contains("valid client certificate"), "{}", without.stderr);
    assert_eq!(receive(&hub, "one").status, 200);
}

#[test]
fn the_server_that_can_be_written_is_found_among_several() {
    let (standby, primary) = (Postgres::start(), Postgres::start());
    set(&standby, "default_transaction_read_only = on");
    let url = format!(
        "postgres://postgres@127.0.0.1:{},127.0.0.1:{},127.0.0.1:{}/postgres?target_session_attrs=read-write",
        free_port(),
        standby.port(),
        primary.port()
    );

    let hub = Hub::start_on(&url, "");
    assert_eq!(receive(&hub, "one").status, 200);

    // The roles change.
    set(&standby, "default_transaction_read_only = off");
    drop(primary);
    until("the other server is used", || hub.http().get("/api/stock").status != 200);
}

#[test]
fn a_pooler_in_transaction_mode_may_stand_between() {
    let postgres = Postgres::start();
    let pooler = PgBouncer::before(&postgres);

    assert_workers_share(&pooler.url());
}

#[test]
fn statements_are_prepared_where_no_pooler_gives_them_another_session() {
    let postgres = Postgres::start_logging();
    let pooler = PgBouncer::before(&postgres);
    let mut number = 0..;
    let mut prepares = |url: &str| {
        let before = postgres.log().len();
        let hub = Hub::start_on(url, "");
        for n in number.by_ref().take(3) {
            assert_eq!(receive(&hub, &n.to_string()).status, 200);
        }
        let log = postgres.log();
        let of_pools = log[before..].lines().filter(|line| line.contains("SELECT pool.sku, rec"));
        let named = of_pools.clone().filter(|line| line.contains("execute s")).count();
        assert!([0, of_pools.count()].contains(&named), "all or none: {}", &log[before..]);
        named > 0
    };
    assert!(prepares(&postgres.url()));
    assert!(prepares(&postgres.url_with("?sslmode=disable&target_session_attrs=read-write")));
    assert!(!prepares(&postgres.url_with("?prepared_statements=off")));
    assert!(!prepares(&pooler.url()), "it listens at another port than the server sees");
}

#[test]
fn a_database_that_cannot_hold_every_name_is_refused() {
    let postgres = Postgres::start();
    postgres.sql(
        "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
    );

    let refused = run_on(&format!("postgres://postgres@127.0.0.1:{}/latin", postgres.port()));

    assert_eq!(refused.code, Some(1));
    let message = "has the encoding LATIN1, the books need UTF8";
    assert!(refused.stderr.contains(message), "{}", refused.stderr);
}

#[test]
fn an_address_that_cannot_be_used_is_explained_once_and_without_the_password() {
    let gone = format!("postgres://hub:sesame@127.0.0.1:{}/books", free_port());
    for (command, url, message) in [
        ("check-config", "postgres://hub:ses@ame@127.0.0.1/books", "write %40"),
        ("check-config", "postgres://hub:ses#ame@127.0.0.1/books", "write %23"),
        ("check-config", "postgres://hub:sesame@127.0.0.1", "names no database"),
        ("run", &gone, "Connection refused"),
    ] {
        let finished = of_store(command, url);
        let said = finished.output();
        assert!(finished.code != Some(0) && said.contains(message), "{url}: {said}");
        assert_eq!(said.matches(message).count(), 1, "{url}: {said}");
        assert!(!said.contains("ses"), "{url}: {said}");
    }
}

fn receive(hub: &Hub, id: &str) -> Answer {
    let body = json!({"request_id": id, "sku": "A", "quantity": 1});
    hub.http().post("/api/receipts", &body)
}

/// Requires that a request is refused in time.
fn unavailable(request: impl FnOnce() -> Answer) {
    let began = Instant::now();
    let answer = request();
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.json()["code"], Value::from("storage_unavailable"));
    assert!(began.elapsed() < stretched(ANSWERED), "{:?}", began.elapsed());
}

/// Changes a setting of the server.
#[test]
fn the_doctor_looks_at_server_encoding_isolation_and_books() {
    let postgres = Postgres::start();
    let hub = Hub::start_on(&postgres.url(), "");
    assert_eq!(receive(&hub, "seed").status, 200);
    let verdicts = |config: &Path, check: &str| {
        let mut doctor = stockgate_hub();
        let visit = run_to_end(doctor.args(["doctor", "--json", "--config"]).arg(config));
        let report: Value = serde_json::from_str(&visit.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap().iter();
        let of_check = findings.filter(|finding| finding["check"] == check);
        of_check.map(|finding| (text(finding, "verdict"), text(finding, "message"))).collect()
    };
    let found = |check: &str| -> Vec<(String, String)> { verdicts(&hub.config_path(), check) };
    let says = |check: &str, verdict: &str, words: &str| {
        let all = found(check);
        let first = all.first().unwrap_or_else(|| panic!("no {check}"));
        assert!(first.0 == verdict && first.1.contains(words), "{check}: {first:?}");
    };
    says("encoding", "ok", "UTF8");
    says("isolation", "ok", "read committed");
    says("balance", "ok", "1 SKUs");
    assert!(found("tls").is_empty(), "loopback needs none");

    set(&postgres, "default_transaction_isolation = 'serializable'");
    until("the default is another", || found("isolation")[0].0 == "note");
    set(&postgres, "fsync = off");
    until("fsync is off", || found("server")[0].1.contains("fsync off"));
    set(&postgres, "default_transaction_read_only = on");
    until("the server is read-only", || found("server")[0].1.contains("read-only"));

    set(&postgres, "default_transaction_read_only = off");
    postgres.sql(
        "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
    );
    let latin = format!("postgres://postgres@127.0.0.1:{}/latin", postgres.port());
    let config = hub.write("latin.toml", &format!("[hub]\nstore = \"{latin}\"\n"));
    let found: Vec<(String, String)> = verdicts(&config, "encoding");
    assert!(found[0].0 == "wrong" && found[0].1.contains("LATIN1"), "{found:?}");
    let found: Vec<(String, String)> = verdicts(&config, "database");
    assert!(found[0].0 == "wrong" && found[0].1.contains("no books"), "{found:?}");
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap().to_owned()
}

fn set(postgres: &Postgres, setting: &str) {
    postgres.sql(&format!("ALTER SYSTEM SET {setting}"));
    postgres.sql("SELECT pg_reload_conf()");
}

/// Runs a hub that does not get ready.
fn run_on(url: &str) -> Finished {
    of_store("run", url)
}

fn of_store(command: &str, url: &str) -> Finished {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("stockgate-hub.toml");
    let text = format!("[hub]\nstore = \"{url}\"\nlisten = \"127.0.0.1:{}\"\n", free_port());
    fs::write(&config, text).unwrap();
    run_to_end(stockgate_hub().arg(command).arg("--config").arg(&config))
}

#[test]
fn a_frame_that_the_server_refuses_fails_alone() {
    let (postgres, broker) = (Postgres::start(), Broker::start());
    let hub = Hub::start_on(&postgres.url(), &broker.section());
    let [good, mut bad] =
        ["gw-01", "gw-02"].map(|id| Gateway::named("wh-01", id, &broker.section()));
    for gateway in [&good, &bad] {
        gateway.http().ok("restock", json!({"request_id": "1", "sku": "A", "quantity": 1}));
        until_confirmed(gateway);
    }
    postgres.sql("ALTER TABLE entry ADD CONSTRAINT poison CHECK (change <> 13)");

    bad.http().ok("restock", json!({"request_id": "2", "sku": "A", "quantity": 13}));
    until("the frame is rejected", || hub.http().metric("stockgate_hub_frames_bad_total") > 0);
    good.http().ok("restock", json!({"request_id": "2", "sku": "A", "quantity": 5}));

    until_confirmed(&good);
    assert_eq!(hub.gateway_at("wh-01", "gw-02")["acked_seq"], 1);
    assert!(hub.log().contains("the books cannot hold it"), "{}", hub.log());
    until("it is said", || hub.gateway_at("wh-01", "gw-02")["problem"].is_string());
    postgres.sql("ALTER TABLE entry DROP CONSTRAINT poison");
    // It would ask again within a minute.
    bad.restart();
    until_confirmed(&bad);
    assert_balanced(&hub);
}

#[test]
fn a_server_whose_default_isolation_is_another_serves_as_well() {
    let (postgres, broker) = (Postgres::start(), Broker::start());
    set(&postgres, "default_transaction_isolation = 'serializable'");
    let hub = Hub::start_on(&postgres.url(), &broker.section());
    let gateway = Gateway::named("wh-01", "gw-01", &broker.section());
    gateway.http().ok("restock", json!({"request_id": "1", "sku": "A", "quantity": 1}));
    until_confirmed(&gateway);
    assert_eq!(receive(&hub, "po").status, 200);
    assert_balanced(&hub);
}

/// So many lines of a receipt are copied, and not inserted by a statement.
const COPIED: usize = 1_000;

/// A receipt of so many lines, whose reason has what the text of a `COPY` would escape.
fn receipt_of_many(id: &str, first: usize) -> Value {
    let line = |n| json!({"sku": format!("S-{n}"), "quantity": n + 1});
    let lines: Vec<Value> = (first..first + COPIED).map(line).collect();
    json!({"request_id": id, "reason": r#"back\slash \N "quoted" ü"#, "lines": lines})
}

#[test]
fn what_is_copied_arrives_whole_or_not_at_all() {
    let postgres = Postgres::start();
    let hub = Hub::start_on(&postgres.url(), "");
    postgres.sql(
        "CREATE TABLE seen (query TEXT);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN INSERT INTO seen VALUES (current_query()); RETURN NULL; END';
         CREATE TRIGGER seen AFTER INSERT ON movement EXECUTE FUNCTION note()",
    );
    let receive = |id, first| hub.http().post("/api/receipts", &receipt_of_many(id, first));

    assert_eq!(receive("po-1", 0).status, 200);

    let query = postgres.sql("SELECT query FROM seen");
    assert!(query.starts_with("COPY movement"), "the rows were copied: {query}");
    let page = hub.http().get("/api/ledger?limit=1000").json();
    let items = page["entries"].as_array().unwrap();
    assert_eq!(items.len(), COPIED);
    let reason = receipt_of_many("", 0)["reason"].clone();
    for (n, item) in items.iter().enumerate() {
        let found = [&item["sku"], &item["change"], &item["reason"]];
        assert_eq!(found, [&json!(format!("S-{n}")), &json!(n + 1), &reason], "{item}");
    }
    postgres.sql("ALTER TABLE movement ADD CONSTRAINT poison CHECK (sku <> 'S-1999')");
    assert_eq!(receive("po-2", COPIED).status, 503, "a row cannot be stored");
    assert_eq!(hub.http().get("/api/stock/S-1000").status, 404, "and so none of them is");
    postgres.sql("ALTER TABLE movement DROP CONSTRAINT poison");
    assert_eq!(receive("po-2", COPIED).json()["replayed"], false);
    assert_balanced(&hub);
}

#[test]
fn a_gateway_whose_book_another_worker_has_stops_no_other_one() {
    let (postgres, broker) = (Postgres::start(), Broker::start());
    let keys = format!("worker = \"hub-1\"\nsubscription = \"shared\"\n{}", broker.section());
    let hub = Hub::start_on(&postgres.url(), &keys);
    let [locked, free] =
        ["gw-01", "gw-02"].map(|id| Gateway::named("wh-01", id, &broker.section()));
    let restock = |gateway: &Gateway, id: &str| {
        gateway.http().ok("restock", json!({"request_id": id, "sku": "A", "quantity": 1}));
    };
    for gateway in [&locked, &free] {
        restock(gateway, "1");
        until_confirmed(gateway);
    }
    let url = postgres.url();
    let holding = thread::spawn(move || {
        let sql = "BEGIN; SELECT FROM book WHERE gateway = 'gw-01' FOR UPDATE;";
        let wait = "SELECT pg_sleep(2); COMMIT";
        run_to_end(std::process::Command::new("psql").args([&url, "-Xqc", sql, "-c", wait]))
    });
    let is_locked = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(2)%' AND pid <> pg_backend_pid()";
    until("the book is locked", || postgres.sql(is_locked).trim() == "1");

    restock(&locked, "2");
    restock(&free, "2");
    until_confirmed(&free);

    assert_eq!(hub.gateway_at("wh-01", "gw-01")["acked_seq"], 1, "its frame waits");
    assert!(!holding.is_finished(), "the others did not wait");
    drop(holding.join());
    until_confirmed(&locked);
    assert_balanced(&hub);
}

#[test]
fn books_of_an_older_version_are_upgraded() {
    let postgres = Postgres::start();
    postgres.run_file(Path::new("tests/golden/databases/hub-version-2.sql"));

    let hub = Hub::start_on(&postgres.url(), "");

    assert_eq!(hub.http().get("/api/reconcile?all=true").json()["items"][0]["difference"], 0);
    let stock = hub.stock("A");
    let units = ["unallotted", "in_transit", "total"].map(|place| stock[place].clone());
    assert_eq!(units, [json!(66), json!(50), json!(163)]);
    assert_eq!(receive(&hub, "po-2").status, 200);
    let (retired, in_force) = (hub.gateway_at("wh", "c"), hub.gateway_at("wh", "a"));
    assert_eq!((&retired["in_transit"], &in_force["in_transit"]), (&json!(30), &json!(12)));
}
