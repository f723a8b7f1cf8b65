//! The commands that inspect, replay, copy and check.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::bodies::{many, one};
use crate::support::gateway::Gateway;
use crate::support::process::{Finished, run_to_end};
use crate::support::program::stockgate;
use crate::support::terminal::Terminal as _;

const ORDERS: &str = "invoice,item,pieces,when\n\
    A1,85123A,6,2010-12-01T08:26:00\n\
    A1,71053,2,2010-12-01T08:26:00\n\
    C2,85123A,-1,2010-12-01T08:28:00\n\
    A3,71053,5,2010-12-01T08:34:00\n\
    A3,71053,5,2010-12-01T08:34:00\n\
    A4,POST,0,2010-12-01T08:35:00\n";

#[test]
fn stock_prints_a_table_or_an_item_a_line() {
    let gateway = Gateway::stocked(&[("A", 5), ("B1", 7), ("B2", 9)]);
    let table = ask(&gateway, &["stock"]);
    assert_eq!(table.code, Some(0));
    assert_eq!(table.stdout.lines().count(), 4, "a heading and three SKUs: {}", table.stdout);
    let items = json_lines(&ask(&gateway, &["stock", "--json", "--prefix", "B"]));
    assert_eq!(items.iter().map(|item| &item["on_hand"]).collect::<Vec<_>>(), [7, 9]);
    let one = json_lines(&ask(&gateway, &["stock", "A", "--json"]));
    assert_eq!((&one[0]["sku"], &one[0]["available"]), (&json!("A"), &json!(5)));
}

#[test]
fn an_unknown_sku_is_reported_with_exit_code_1() {
    let gateway = Gateway::start();
    let ended = ask(&gateway, &["stock", "NOPE"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("NOPE") && ended.stderr.contains("unknown_sku"), "{ended:?}");
}

#[test]
fn an_unknown_sku_among_others_hides_none_of_them() {
    let gateway = Gateway::stocked(&[("A", 5), ("B", 7)]);
    let ended = ask(&gateway, &["stock", "A", "NOPE", "B", "NADA", "--json"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let item = |line| serde_json::from_str::<Value>(line).unwrap();
    let shown: Vec<Value> = ended.stdout.lines().map(|line| item(line)["sku"].clone()).collect();
    assert_eq!(shown, ["A", "B"]);
    let told: Vec<&str> = ended.stderr.lines().collect();
    assert!(told.len() == 2 && told[0].contains("NOPE") && told[1].contains("NADA"), "{ended:?}");
}

#[test]
fn an_unreachable_gateway_is_named() {
    let mut gateway = Gateway::start();
    gateway.terminate();
    for command in ["stock", "ledger", "status", "watch"] {
        let ended = ask(&gateway, &[command]);
        assert_eq!(ended.code, Some(1), "{command}");
        assert!(ended.stderr.contains(&gateway.url()), "{ended:?}");
    }
}

/// The kernel accepts the connection, and nothing is ever said on it.
#[test]
fn a_peer_that_says_nothing_is_named_in_the_end() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let ended = run_to_end(stockgate().args(["status", "--url", &url]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(&url) && ended.stderr.contains("within 10 s"), "{ended:?}");
}

#[test]
fn ledger_prints_every_entry_after_a_position() {
    let gateway = Gateway::stocked(&[("A", 5), ("B", 7)]);
    let entries = json_lines(&ask(&gateway, &["ledger", "--json"]));
    assert_eq!(entries.iter().map(|entry| &entry["seq"]).collect::<Vec<_>>(), [1, 2]);
    let rest = ask(&gateway, &["ledger", "--after", "1"]);
    assert_eq!(rest.stdout.lines().count(), 1);
    assert!(rest.stdout.contains("restock"), "{}", rest.stdout);
}

#[test]
fn ledger_and_watch_follow_changes() {
    let gateway = Gateway::stocked(&[("A", 5)]);
    for command in [&["ledger", "--follow", "--json"][..], &["watch", "--json"]] {
        let output = gateway.dir().join(command[0]);
        let mut following = stockgate();
        following.args(command).args(["--url", &gateway.url()]);
        following.stdout(fs::File::create(&output).unwrap()).stderr(Stdio::null());
        let mut child = following.spawn().unwrap();
        gateway.http().ok("restock", many(command[0], &[("FOLLOWED", 3)]));
        let seen = wait_for(|| fs::read_to_string(&output).unwrap().contains("FOLLOWED"));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(seen, "{command:?} did not print the change");
    }
}

#[test]
fn status_shows_the_state_of_the_gateway() {
    let gateway = Gateway::stocked(&[("A", 5)]);
    let text = ask(&gateway, &["status"]).stdout;
    for part in ["wh-01/gw-01", "ledger at 1", "1 SKUs", "disabled"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    let status = &json_lines(&ask(&gateway, &["status", "--json"]))[0];
    assert_eq!(status["ledger_seq"], 1);
}

#[test]
fn a_table_has_a_head_only_if_it_has_rows() {
    let gateway = Gateway::stocked(&[("A", 1)]);
    let stock = |arguments: &[&str]| ask(&gateway, &[&["stock"], arguments].concat()).stdout;
    assert_eq!(stock(&[]).lines().count(), 2);
    assert_eq!(stock(&["--prefix", "B"]), "");
    assert_eq!(stock(&["NONE"]), "", "the error is on stderr");
}

#[test]
fn a_relative_data_directory_is_one_of_the_configuration() {
    let mut gateway = Gateway::prepare("");
    let config = fs::read_to_string(gateway.config_path()).unwrap();
    let line = config.lines().find(|line| line.starts_with("data_dir")).unwrap();
    fs::write(gateway.config_path(), config.replace(line, "data_dir = \"src\"")).unwrap();
    gateway.launch();
    assert!(gateway.dir().join("src/stockgate.db").exists());
    assert!(gateway.log().contains("and src in the working directory is not"), "{}", gateway.log());
    assert!(!Path::new("src/stockgate.db").exists());
}

#[test]
fn a_token_is_read_from_a_file() {
    let token =
        "[[terminals.tokens]]\nname = \"eye\"\nrole = \"viewer\"\ntoken = \"s3cret-0123456789\"\n";
    let gateway = Gateway::start_with(token);
    let file = gateway.write("eye.token", "s3cret-0123456789\n");
    let file = file.to_str().unwrap();
    assert_eq!(ask(&gateway, &["status", "--token-file", file]).code, Some(0));
    let without = ask(&gateway, &["status"]);
    assert!(without.stderr.contains("unauthorized"), "{without:?}");
    assert!(without.stderr.contains("--token-file"), "{without:?}");
    let wrong = gateway.write("wrong.token", "s3cret-0123456780\n");
    let wrong = ask(&gateway, &["status", "--token-file", wrong.to_str().unwrap()]);
    assert!(wrong.stderr.contains("wrong.token"), "{wrong:?}");
    assert!(!wrong.stderr.contains("--token-file"), "{wrong:?}");
}

#[test]
fn replay_deducts_gives_back_and_repeats_nothing() {
    let gateway = Gateway::start();
    let file = gateway.write("orders.csv", ORDERS);
    let first = replay(&gateway, file.to_str().unwrap(), &["--seed-stock"]);
    assert_eq!(
        (&first["rows"], &first["applied"], &first["skipped"]),
        (&json!(6), &json!(5), &json!(1))
    );
    assert_eq!(on_hand(&gateway, "85123A"), 1, "all that is deducted was there, and one came back");
    assert_eq!(on_hand(&gateway, "71053"), 0);
    let again = replay(&gateway, file.to_str().unwrap(), &["--seed-stock"]);
    assert_eq!((&again["applied"], &again["replayed"]), (&json!(0), &json!(5)));
    assert_eq!(on_hand(&gateway, "85123A"), 1);
}

#[test]
fn replay_counts_refusals_by_code_and_reads_compressed_files() {
    let gateway = Gateway::stocked(&[("85123A", 6), ("71053", 7)]);
    let path = gateway.dir().join("orders.csv.gz");
    let mut gz =
        flate2::write::GzEncoder::new(fs::File::create(&path).unwrap(), Default::default());
    gz.write_all(ORDERS.as_bytes()).unwrap();
    gz.finish().unwrap();
    let summary = replay(&gateway, path.to_str().unwrap(), &[]);
    assert_eq!(summary["refused"], json!({"insufficient_stock": 1}));
    assert_eq!(summary["applied"], 4);
    let limited = replay(&gateway, path.to_str().unwrap(), &["--limit", "2"]);
    assert_eq!((&limited["rows"], &limited["replayed"]), (&json!(2), &json!(2)));
}

#[test]
fn replay_names_a_missing_column_and_a_quantity_that_is_no_number() {
    let gateway = Gateway::start();
    let file = gateway.write("orders.csv", "order_id,sku,quantity\nA,B,many\n");
    let run =
        |columns: &str| ask(&gateway, &["replay", file.to_str().unwrap(), "--columns", columns]);
    let missing = run("sku=article");
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("article"), "{missing:?}");
    let unreadable = run("sku=sku");
    assert_eq!(unreadable.code, Some(1));
    assert!(unreadable.stderr.contains("1 rows"), "{unreadable:?}");
    assert_eq!(run("colour=sku").code, Some(2));
}

#[test]
fn a_backup_of_a_running_gateway_is_whole_and_never_overwrites() {
    let gateway = Gateway::stocked(&[("A", 5)]);
    let copy = gateway.dir().join("copy");
    fs::create_dir(&copy).unwrap();
    let file = copy.join("stockgate.db");
    let backup = || {
        let mut command = stockgate();
        command.arg("backup").arg("--data-dir").arg(gateway.data_dir()).arg("--to").arg(&file);
        run_to_end(&mut command)
    };
    assert_eq!(backup().code, Some(0));
    assert_eq!(doctor(&copy).code, Some(0));
    let again = backup();
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("exists"), "{again:?}");
}

/// A process killed while it copies, as by a power cut: a file with the name of a backup is whole.
#[test]
fn an_interrupted_backup_leaves_no_file_in_the_way() {
    let gateway = Gateway::stocked(&[("A", 5)]);
    let copy = gateway.dir().join("copy");
    fs::create_dir(&copy).unwrap();
    let file = copy.join("stockgate.db");
    let mut whole = stockgate();
    whole.arg("backup").arg("--data-dir").arg(gateway.data_dir()).arg("--to").arg(&file);
    // The kernel kills a process that writes more than this many blocks.
    let mut cut = Command::new("sh");
    cut.args(["-c", "ulimit -f 8; exec \"$@\"", "sh"]).arg(whole.get_program());
    let ended = run_to_end(cut.args(whole.get_args()));
    assert_eq!(ended.code, None, "{ended:?}");
    assert!(!file.exists(), "a part of a copy has not its name");

    assert_eq!(run_to_end(&mut whole).code, Some(0));
    assert_eq!(doctor(&copy).code, Some(0));
    let left = fs::read_dir(&copy).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("unfinished")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn doctor_says_what_is_wrong_with_a_database() {
    let mut gateway = Gateway::stocked(&[("A", 5)]);
    gateway.http().ok("deduct", one("d1", "A", 2));
    gateway.http().ok("deduct", one("d2", "A", 1));
    let healthy = doctor(&gateway.data_dir());
    assert_eq!(healthy.code, Some(0), "{healthy:?}");
    gateway.terminate();
    for (damage, part) in [
        ("UPDATE stock SET on_hand = on_hand + 1", "rows of the table stock have a flipped bit"),
        ("UPDATE stock SET on_hand = on_hand + 5", "rows of the table stock are damaged"),
        (
            "UPDATE stock SET on_hand = 9, crc = row_crc('stock', sku, 9, reserved, version)",
            "does not match the ledger",
        ),
        ("UPDATE gateway SET epoch = zeroblob(16) WHERE copy = 2", "one copy of the row"),
        ("DELETE FROM gateway WHERE copy = 1", "one copy of the row"),
        ("DELETE FROM ledger WHERE n = 1", "begins after entry 1"),
        ("UPDATE ledger SET chunk = zeroblob(20) WHERE n = 1", "row 1 of the ledger"),
        // The same stock in the end, but not by these entries.
        (
            "UPDATE ledger SET chunk = (SELECT chunk FROM ledger WHERE n = 2), seq = 2 WHERE n = 1",
            "row 1 of the ledger",
        ),
        ("DELETE FROM ledger WHERE n = 2", "does not follow from the entries up to 1"),
    ] {
        let copy = tempfile::tempdir().unwrap();
        fs::copy(gateway.database(), copy.path().join("stockgate.db")).unwrap();
        let db = rusqlite::Connection::open(copy.path().join("stockgate.db")).unwrap();
        stockgate::store::add_row_crc_function(&db).unwrap();
        db.execute(damage, []).unwrap();
        drop(db);
        let found = doctor(copy.path());
        assert_eq!(found.code, Some(1), "{damage}: {found:?}");
        assert!(found.stdout.contains(part), "{damage}: {found:?}");
    }
}

#[test]
fn doctor_and_backup_say_where_there_is_no_database() {
    let empty = tempfile::tempdir().unwrap();
    let ended = doctor(empty.path());
    assert_eq!(ended.code, Some(1));
    assert!(ended.output().contains("no stockgate database"), "{ended:?}");
}

/// What a command ends with whose output goes there.
fn ends_with(gateway: &Gateway, arguments: &[&str], stdout: impl Into<Stdio>) -> Option<i32> {
    let mut command = stockgate();
    command.args(arguments).stdout(stdout).stderr(Stdio::null());
    if arguments[0] == "doctor" {
        command.arg("--data-dir").arg(gateway.dir());
    } else {
        command.args(["--url", &gateway.url()]);
    }
    command.status().unwrap().code()
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let gateway = Gateway::stocked(&[("A", 5)]);
    let full = || fs::File::create("/dev/full").unwrap();
    for arguments in [&["status"][..], &["stock", "--json"], &["deduct", "A", "1"]] {
        assert_eq!(ends_with(&gateway, arguments, full()), Some(1), "{arguments:?}");
    }
    assert_eq!(on_hand(&gateway, "A"), 5, "what has no id on paper is not sent");
    assert_eq!(ends_with(&gateway, &["deduct", "A", "1", "--json"], full()), Some(0));
    assert_eq!(on_hand(&gateway, "A"), 4, "it is applied");
}

#[test]
fn a_closed_pipe_ends_a_query_and_hides_no_result() {
    let gateway = Gateway::stocked(&[("A", 5)]);
    let wrong = gateway.write("wrong.csv", "order_id,sku,quantity\nA,B,many\n");
    for (arguments, code) in [
        (&["status"][..], 0),
        (&["doctor"], 1),
        (&["deduct", "A", "6"], 1),
        (&["deduct", "A", "1"], 0),
        (&["replay", wrong.to_str().unwrap()], 1),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(ends_with(&gateway, arguments, writer), Some(code), "{arguments:?}");
    }
    assert_eq!(on_hand(&gateway, "A"), 4);
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [&["sell"][..], &["run", "--colour"], &[], &["backup"], &["replay"]] {
        assert_eq!(run_to_end(stockgate().args(arguments)).code, Some(2), "{arguments:?}");
    }
    for (arguments, part) in [
        (&["status", "--url", "ftp://h"][..], "--url ftp://h: ftp:// is not supported"),
        (&["watch", "--url", "http://h:x"], "--url http://h:x: \"h:x\" is not HOST or HOST:PORT"),
        (&["hide", "A", "--url", "http:///"], "--url http:///: \"\" is not HOST or HOST:PORT"),
        (&["stock", "--ca-file", "ca.pem"], "--ca-file is for https://"),
        (&["verify", "x", "--key", "zz"], "--key: 64 hexadecimal digits are wanted"),
        (&["status", "--token-file", "no-such.token"], "--token-file no-such.token: "),
        (&["deduct", "A", "1", "--token-file", "no-such.token"], "--token-file no-such.token: "),
        (&["watch", "--url", "https://h", "--ca-file", "no-such.pem"], "--ca-file: no-such.pem "),
        (&["replay", "x.csv", "--speed", "0"], "must be a number over 0"),
    ] {
        let ended = run_to_end(stockgate().args(arguments));
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(part), "{ended:?}");
    }
}

fn ask(gateway: &Gateway, arguments: &[&str]) -> Finished {
    run_to_end(stockgate().args(arguments).args(["--url", &gateway.url()]))
}

fn replay(gateway: &Gateway, file: &str, more: &[&str]) -> Value {
    let columns = ["--columns", "order=invoice,sku=item,quantity=pieces,at=when", "--json"];
    let arguments = [&["replay", file], &columns[..], more].concat();
    let ended = ask(gateway, &arguments);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

fn doctor(data_dir: &Path) -> Finished {
    run_to_end(stockgate().arg("doctor").arg("--data-dir").arg(data_dir))
}

fn json_lines(ended: &Finished) -> Vec<Value> {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn on_hand(gateway: &Gateway, sku: &str) -> i64 {
    gateway.http().get(&format!("/api/stock/{sku}")).json()["on_hand"].as_i64().unwrap()
}

fn wait_for(condition: impl Fn() -> bool) -> bool {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !condition() && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    condition()
}

#[test]
fn a_token_is_made_for_the_configuration_and_never_overwrites_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let [one, other] = [(); 2].map(|()| run_to_end(stockgate().arg("token")));
    assert_eq!((one.code, one.stdout.trim().len()), (Some(0), 64), "{one:?}");
    assert_ne!(one.stdout, other.stdout);

    let file = dir.path().join("line-3.token");
    let to_file = || run_to_end(stockgate().arg("token").arg("--file").arg(&file));
    let made = to_file();
    assert_eq!((made.code, made.output().as_str()), (Some(0), ""), "{made:?}");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
    let written = fs::read_to_string(&file).unwrap();
    let again = to_file();
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("line-3.token"), "{again:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), written);

    let text =
        "[[terminals.tokens]]\nname = \"a\"\nrole = \"viewer\"\ntoken_file = \"line-3.token\"\n";
    let mut gateway = Gateway::prepare(text);
    gateway.write("line-3.token", &written);
    gateway.launch();
    gateway.http().with_token(written.trim()).ok("status", json!({}));
}
