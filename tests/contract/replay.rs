//! `replay`: what a file of orders does to the stock, however it is written and sorted.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::catalogue::{list, measured, named};
use crate::support::gateway::Gateway;
use crate::support::process::{Finished, RUN_LIMIT, run_within};
use crate::support::program::stockgate;
use crate::support::terminal::Terminal as _;

/// A replay on a busy machine is quicker.
const BYTES_A_SECOND_MIN: u64 = 50_000;

const HEADER: &str = "order_id,sku,quantity\n";
const ROWS: [&str; 4] = ["S1,BOOK,5\n", "S2,BOOK,7\n", "S2,PEN,1\n", "S2,BOOK,7\n"];

fn shop() -> Gateway {
    Gateway::stocked(&[("BOOK", 100), ("PEN", 100)])
}

fn stock(gateway: &Gateway) -> (i64, i64) {
    let on_hand =
        |sku: &str| gateway.http().get(&format!("/api/stock/{sku}")).json()["on_hand"].clone();
    (on_hand("BOOK").as_i64().unwrap(), on_hand("PEN").as_i64().unwrap())
}

fn replay_file(gateway: &Gateway, file: &Path, more: &[&str]) -> Finished {
    let mut command = stockgate();
    command.arg("replay").arg(file).args(["--url", &gateway.url()]).args(more);
    let seconds = fs::metadata(file).unwrap().len() / BYTES_A_SECOND_MIN;
    run_within(RUN_LIMIT + Duration::from_secs(seconds), &mut command)
}

fn replay(gateway: &Gateway, text: &[u8], more: &[&str]) -> Finished {
    let file = gateway.dir().join("orders.csv");
    fs::write(&file, text).unwrap();
    replay_file(gateway, &file, more)
}

fn csv(rows: &[&str]) -> Vec<u8> {
    format!("{HEADER}{}", rows.concat()).into_bytes()
}

#[test]
fn a_row_is_the_same_wherever_it_stands_in_the_file() {
    let gateway = shop();
    let base = replay(&gateway, &csv(&ROWS), &[]);
    assert_eq!((base.code, stock(&gateway)), (Some(0), (81, 99)), "{base:?}");

    let [a, b, c, d] = ROWS;
    for (rows, what) in [
        (&[d, c, b, a][..], "reversed"),
        (&[b, c, d], "without the first row"),
        (&[a, b, c, d], "as it was"),
    ] {
        let again = replay(&gateway, &csv(rows), &[]);
        assert_eq!((again.code, stock(&gateway)), (Some(0), (81, 99)), "{what}: {again:?}");
    }
    let on_top = replay(&gateway, &csv(&["S0,PEN,2\n", a, b, c, d]), &[]);
    assert_eq!((on_top.code, stock(&gateway)), (Some(0), (81, 97)), "{on_top:?}");
    let in_between = replay(&gateway, &csv(&["S2,BOOK,1\n", d, c, b, "S0,PEN,2\n", a]), &[]);
    assert_eq!((in_between.code, stock(&gateway)), (Some(0), (80, 97)), "{in_between:?}");
}

#[test]
fn a_row_whose_quantity_changed_is_rejected_and_not_sent_again() {
    let gateway = shop();
    assert_eq!(replay(&gateway, &csv(&ROWS), &[]).code, Some(0));
    let changed = replay(&gateway, &csv(&["S1,BOOK,6\n", ROWS[1], ROWS[2], ROWS[3]]), &["--json"]);
    assert_eq!((changed.code, stock(&gateway)), (Some(1), (81, 99)), "{changed:?}");
    assert!(changed.stderr.contains("line 2: BOOK"), "{changed:?}");
    let summary: Value = serde_json::from_str(&changed.stdout).unwrap();
    assert_eq!(summary["refused"], json!({"idempotency_conflict": 1}));
    assert_eq!(summary["replayed"], 3);
}

/// Which of the rows was changed or removed is not known, so nothing is said of a quantity.
#[test]
fn a_row_beside_one_that_was_removed_is_rejected_and_says_what_is_known() {
    let gateway = shop();
    assert_eq!(replay(&gateway, &csv(&["S1,BOOK,6\n", "S1,BOOK,2\n"]), &[]).code, Some(0));
    let less = replay(&gateway, &csv(&["S1,BOOK,2\n"]), &[]);
    assert_eq!((less.code, stock(&gateway).0), (Some(1), 92), "{less:?}");
    assert!(less.stderr.contains("line 2: BOOK: an earlier replay had other rows"), "{less:?}");
    assert!(less.stderr.contains("changed or removed"), "{less:?}");
}

#[test]
fn a_quantity_is_read_exactly_or_its_row_is_rejected() {
    let gateway = shop();
    let forms = b"order_id,sku,quantity\nF1,BOOK,1.0\nF2,BOOK, 1\nF3,BOOK,1e0\nF4, BOOK ,1\n\
                  F5,BOOK,\"1,000\"\nF6,BOOK,1.5\n";
    for seed in [&[][..], &["--seed-stock"]] {
        let ended = replay(&gateway, forms, seed);
        assert_eq!((ended.code, stock(&gateway).0), (Some(1), 96), "{ended:?}");
        assert!(ended.stderr.contains("line 6: BOOK: the quantity \"1,000\""), "{ended:?}");
        assert!(ended.stderr.contains("line 7: BOOK: the quantity is 1.5"), "{ended:?}");
        assert!(!ended.stderr.contains("line 5"), "{ended:?}");
        assert!(ended.stdout.contains("2 unreadable"), "{ended:?}");
    }
}

#[test]
fn a_fraction_is_sent_for_a_sku_with_as_many_decimals() {
    let mut gateway = shop();
    list(&mut gateway, vec![measured("KG", "kg", 3, &[])]);
    let rows = ["K1,KG,1.250\n", "K2,KG,0.5\n", "K3,KG,-0.25\n", "K4,KG,0.0005\n", "K5,BOOK,1.5\n"];
    let on_hand = || gateway.http().get("/api/stock/KG").json()["on_hand"].clone();
    for rows in [&rows[..], &["K0,KG,2\n", rows[1], rows[0], rows[3], rows[2], rows[4]]] {
        let ended = replay(&gateway, &csv(rows), &["--seed-stock"]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert_eq!(on_hand(), json!(0.25), "{ended:?}");
        assert!(ended.stderr.contains("KG: the quantity is 0.0005, and the SKU has 3 decimals"));
        assert!(
            ended.stderr.contains("BOOK: the quantity is 1.5, and the SKU is counted in whole")
        );
        assert!(ended.stdout.contains("2 unreadable"), "{ended:?}");
    }
}

#[test]
fn delimiters_byte_order_marks_letter_case_and_blanks_make_no_difference() {
    let gateway = shop();
    for (text, on_hand) in [
        ("\u{feff}Order_ID;SKU;Quantity\r\nS1;BOOK;1\r\n", 99),
        ("ORDER_ID\tsku\tquantity\nS2\tBOOK\t1\n", 98),
        (" order_id , Sku ,\"quantity\"\n\n S3 , \"BOOK\" , 1 \n,,\n", 97),
        ("\"order_id\";\"sku\";\"quantity\"\n\"S4\";\"BOOK\";\"1\"\n", 96),
        ("\n\"order_id\"\t\"sku\"\t\"quantity\"\n\"S5\"\t\"BOOK\"\t\"1\"\n", 95),
    ] {
        let ended = replay(&gateway, text.as_bytes(), &[]);
        assert_eq!((ended.code, stock(&gateway).0), (Some(0), on_hand), "{text:?}: {ended:?}");
    }
}

#[test]
fn a_file_that_is_no_csv_is_refused_before_its_first_row_is_sent() {
    let gateway = shop();
    let seq = || gateway.http().get("/api/status").json()["ledger_seq"].clone();
    let before = seq();
    for (text, part) in [
        (
            &b"order_id,sku,quantity\nU1,BOOK,1\nU2,\"BOOK,1\nU3,BOOK,1\n"[..],
            "line 3: a quote is not closed",
        ),
        (b"order_id,sku,quantity\nL1,BOOK,1\nL2,CAF\xc9,1\n", "line 3 is no UTF-8"),
        (b"order_id,sku\nL1,BOOK\n", "no column \"quantity\""),
        (b"order_id,sku,quantity,SKU\nL1,BOOK,1,PEN\n", "two columns \"sku\""),
        (b"\xff\xfeo\0r\0", "is UTF-16"),
        (b"order_id,sku,quantity,note\rC1,BOOK,1,x\rC2,BOOK,1,y\r", "line 1: a carriage return"),
        (b"", "is empty"),
    ] {
        for more in [&["--seed-stock"][..], &["--limit", "1"]] {
            let ended = replay(&gateway, text, more);
            assert_eq!(ended.code, Some(1), "{part}: {ended:?}");
            assert!(ended.stderr.contains(part), "{part}: {ended:?}");
            assert!(ended.stderr.contains("orders.csv"), "{part}: {ended:?}");
        }
    }
    assert_eq!(seq(), before);
}

#[test]
fn rejected_rows_are_kept_with_line_and_reason() {
    let gateway = shop();
    let kept = gateway.dir().join("rejects.csv");
    let rows =
        csv(&["R1,BOOK,many\n", "R2,NONE,1\n", "R3,BOOK,1\n", "R4,BOOK,1000\n", "R5,BOOK\n"]);
    let ended = replay(&gateway, &rows, &["--rejects", kept.to_str().unwrap()]);
    assert_eq!((ended.code, stock(&gateway).0), (Some(1), 99), "{ended:?}");
    let kept = fs::read_to_string(kept).unwrap();
    let lines: BTreeMap<&str, &str> =
        kept.lines().filter_map(|line| line.split_once(',')).collect();
    assert!(lines["2"].starts_with("R1,BOOK,many,unreadable,"), "{kept}");
    assert!(lines["3"].starts_with("R2,NONE,1,unknown_sku,"), "{kept}");
    assert!(lines["5"].starts_with("R4,BOOK,1000,insufficient_stock,"), "{kept}");
    assert!(lines["6"].contains("2 cells"), "{kept}");
    assert_eq!(lines.len(), 5, "with the header: {kept}");
    for line in ["line 2: BOOK", "line 3: NONE", "line 6: BOOK"] {
        assert!(ended.stderr.contains(line), "{ended:?}");
    }
    assert!(!ended.stderr.contains("line 5"), "nothing is wrong with that row: {ended:?}");
}

/// Nothing is wrong with them, and nobody would know of them otherwise.
#[test]
fn rows_that_the_stock_does_not_cover_are_listed_where_no_file_keeps_them() {
    let gateway = shop();
    let rows: Vec<String> = (0..60).map(|n| format!("R{n},BOOK,1000\n")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let ended = replay(&gateway, &csv(&rows), &[]);
    assert_eq!((ended.code, stock(&gateway).0), (Some(0), 100), "{ended:?}");
    let told: Vec<&str> = ended.stderr.lines().collect();
    assert!(told[0].contains("line 2: BOOK: ") && told[0].contains("(insufficient_stock)"));
    assert!(told.len() == 50 && told[49].contains("no more such rows are listed"), "{told:?}");
}

#[test]
fn what_a_file_holds_moves_no_cursor_and_makes_no_line() {
    let gateway = shop();
    let rows = b"order_id,sku,quantity\nE1,\x1b[2JBOOK,1\nE2,\"BO\nOK: all is well\",1\n";
    for more in [&[][..], &["--dry-run"]] {
        let ended = replay(&gateway, rows, more);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(!ended.stderr.contains('\x1b'), "{ended:?}");
        assert!(ended.stderr.contains("line 2: \\u{1b}[2JBOOK: sku: "), "{ended:?}");
        assert!(ended.stderr.contains("line 3: BO\\nOK: all is well: sku: "), "{ended:?}");
    }
}

#[test]
fn what_a_gateway_does_not_say_is_not_told_of_its_skus() {
    let tokens =
        "[[terminals.tokens]]\nname = \"line\"\nrole = \"admin\"\ntoken = \"work-0123456789a\"\n";
    let gateway = Gateway::start_with(tokens);
    let rows = csv(&["D1,KG,1.5\n"]);
    let ended = replay(&gateway, &rows, &["--dry-run"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("fractions are not checked: "), "{ended:?}");
    assert!(ended.stderr.contains("--token-file"), "{ended:?}");
    let ended = replay(&gateway, &rows, &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(!ended.stderr.contains("whole units"), "{ended:?}");
    assert!(ended.stderr.contains("--token-file"), "{ended:?}");
}

#[test]
fn every_row_that_is_wrong_is_listed_however_many_they_are() {
    let gateway = shop();
    let rows: Vec<String> = (0..120).map(|n| format!("R{n},BOOK,many\n")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    for more in [&["--json"][..], &["--json", "--dry-run"]] {
        let ended = replay(&gateway, &csv(&rows), more);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        for line in 2..122 {
            assert!(ended.stderr.contains(&format!("line {line}: BOOK: ")), "{line}: {ended:?}");
        }
        let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
        let listed = summary["rejects"].as_array().unwrap().len();
        assert_eq!((&summary["rejected"], listed), (&json!(120), 50), "{summary}");
    }
}

#[test]
fn a_column_that_is_named_and_missing_is_refused_before_the_first_row() {
    let gateway = shop();
    for (more, name) in [
        (&["--columns", "at=nope"][..], "no column \"nope\""),
        (&["--columns", "id=sku,order=nope"], "no column \"nope\""),
        (&["--speed", "1000"], "no column \"timestamp\""),
    ] {
        let ended = replay(&gateway, b"order_id,sku,quantity\nN1,BOOK,1\n", more);
        assert_eq!((ended.code, stock(&gateway).0), (Some(1), 100), "{ended:?}");
        assert!(ended.stderr.contains(name), "{ended:?}");
    }
}

/// Without `--speed` a time changes nothing, so the row counts.
#[test]
fn a_time_that_cannot_be_read_is_told_with_its_line() {
    let gateway = shop();
    let text = "order_id,sku,quantity,timestamp\nT1,BOOK,1,soon\nT2,BOOK,1,\n\
                T3,BOOK,1,2010-12-01 08:26:00\nT4,BOOK,1,01.12.2010 08:26\n";
    for more in [&["--dry-run"][..], &[]] {
        let ended = replay(&gateway, text.as_bytes(), more);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let told: Vec<&str> = ended.stderr.lines().collect();
        assert!(
            told.len() == 2 && told[0].contains("line 2: BOOK: the time \"soon\""),
            "{ended:?}"
        );
        assert!(told[1].contains("line 5: BOOK: the time \"01.12.2010 08:26\""), "{ended:?}");
    }
    assert_eq!(stock(&gateway).0, 96);
}

/// Only a gateway knows which SKUs have decimals.
#[test]
fn a_dry_run_needs_no_gateway() {
    let mut gateway = shop();
    gateway.terminate();
    let ended = replay(&gateway, &csv(&["D1,BOOK,1.5\n", "D2,BOOK,1\n"]), &["--dry-run"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("fractions are not checked: "), "{ended:?}");
    assert!(ended.stdout.contains("2 deductions"), "{ended:?}");
    let ended = replay(&gateway, &csv(&["D1,BOOK,1.5\n"]), &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
}

#[test]
fn a_dry_run_says_what_is_wrong_and_sends_nothing() {
    let gateway = shop();
    let rows = csv(&["D1,BOOK,1\n", "D2,BOOK,-1\n", "D3,BOOK,1.5\n", "D4,BOOK,0\n"]);
    let ended = replay(&gateway, &rows, &["--dry-run", "--seed-stock", "--json"]);
    assert_eq!((ended.code, stock(&gateway)), (Some(1), (100, 100)), "{ended:?}");
    let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
    let figures = ["rows", "deductions", "returns", "skipped", "rejected", "applied"];
    let figures = figures.map(|name| summary[name].as_u64().unwrap());
    assert_eq!(figures, [4, 1, 1, 1, 1, 0], "{summary}");
    assert_eq!(summary["rejects"][0]["line"], 4);
}

#[test]
fn a_file_may_have_request_ids_of_its_own() {
    let gateway = shop();
    let columns = ["--columns", "id=Line"];
    let text = "line,sku,quantity\nA-1,BOOK,1\nA-2,BOOK,1\n";
    for on_hand in [98, 98] {
        let ended = replay(&gateway, text.as_bytes(), &columns);
        assert_eq!((ended.code, stock(&gateway).0), (Some(0), on_hand), "{ended:?}");
    }
    let entries = gateway.http().get("/api/ledger?after=2").json()["entries"].clone();
    assert_eq!(
        (&entries[0]["request_id"], &entries[1]["request_id"]),
        (&json!("A-1"), &json!("A-2"))
    );
    let without = replay(&gateway, text.as_bytes(), &[]);
    assert!(without.stderr.contains("no column \"order_id\""), "{without:?}");
}

/// As when the ids of a file are those of its orders.
#[test]
fn an_id_that_stands_in_a_file_twice_is_told_with_both_lines() {
    let gateway = shop();
    let text = "id,sku,quantity\nO1,BOOK,1\nO2,BOOK,1\nO1,BOOK,1\n";
    for more in [&["--dry-run"][..], &[]] {
        let columns = [&["--columns", "id=id", "--json"][..], more].concat();
        let ended = replay(&gateway, text.as_bytes(), &columns);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stderr.contains("line 4: the id \"O1\" is in line 2 already"), "{ended:?}");
        let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(summary["warnings"].as_array().unwrap().len(), 1, "{summary}");
    }
    assert_eq!(stock(&gateway).0, 98);
}

#[test]
fn an_opening_stock_is_seeded_once_for_each_row() {
    let gateway = Gateway::start();
    let seeded = |rows: &[&str]| {
        let ended = replay(&gateway, &csv(rows), &["--seed-stock"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        stock(&gateway)
    };
    let [a, b, c, d] = ROWS;
    assert_eq!(seeded(&ROWS), (0, 0));
    assert_eq!(seeded(&[d, c, b, a]), (0, 0));
    assert_eq!(seeded(&["S0,PEN,2\n", a, b, c, d]), (0, 0), "only the new row is seeded");
    assert_eq!(seeded(&["T1,BOOK,9\n", "T1,PEN,1\n"]), (0, 0), "another file");
}

/// A line takes a million of a SKU with three decimals.
#[test]
fn an_opening_stock_of_whole_numbers_keeps_the_limit_of_a_line() {
    let mut gateway = Gateway::start();
    list(&mut gateway, vec![measured("KG", "kg", 3, &[])]);
    let ended = replay(&gateway, &csv(&["K1,KG,800000\n", "K2,KG,800000\n"]), &["--seed-stock"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("applied   2"), "{ended:?}");
}

#[test]
fn a_token_that_may_not_write_ends_the_replay() {
    let viewer =
        "[[terminals.tokens]]\nname = \"eye\"\nrole = \"viewer\"\ntoken = \"s3cret-0123456789\"\n";
    let gateway = Gateway::start_with(viewer);
    let token = gateway.write("eye.token", "s3cret-0123456789\n");
    let ended = replay(&gateway, &csv(&ROWS), &["--token-file", token.to_str().unwrap()]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("operator"), "{ended:?}");
}

/// Each file in ../shared/cases/orders, with what expected.csv says of it.
#[test]
#[ignore = "needs the files of ../shared/cases: scripts/test"]
fn the_shared_cases_of_orders_become_what_is_expected() {
    let directory = data_directory().with_file_name("cases").join("orders");
    let mut expected = csv::Reader::from_path(directory.join("expected.csv")).unwrap();
    let mut files = 0;
    for row in expected.records() {
        let row = row.unwrap();
        let (file, expected) = (&row[0], row[1].strip_prefix("after base.csv: "));
        let gateway = shop();
        if expected.is_some() {
            assert_eq!(replay_file(&gateway, &directory.join("base.csv"), &[]).code, Some(0));
        }
        let before = stock(&gateway);
        let ended = replay_file(&gateway, &directory.join(file), &["--json"]);
        let after = stock(&gateway);
        let moved = (after.0 - before.0, after.1 - before.1);
        let expected = expected.unwrap_or(&row[1]);
        let (code, units, said): (i32, (i64, i64), &[&str]) = match expected {
            "BOOK -19, PEN -1" => (0, (-19, -1), &[]),
            "only S0 is new" => (0, (0, -2), &[]),
            "nothing is new" => (0, (0, 0), &[]),
            "F1-F4 one each; F5, F6 refused by line, exit 1" => (1, (-4, 0), &["line 6", "line 7"]),
            "taken" => (0, (-1, 0), &[]),
            refused => {
                let (before, line) = refused.split_once(": ").expect(refused);
                assert_eq!(before, "refused before the first row");
                (1, (0, 0), &[line.split(',').next().unwrap()])
            }
        };
        assert_eq!((ended.code, moved), (Some(code), units), "{file}: {ended:?}");
        for words in said {
            assert!(ended.stderr.contains(words), "{file}: {words} in {ended:?}");
        }
        files += 1;
    }
    assert_eq!(files, 8);
}

/// The first orders of the real file; `STOCKGATE_REPLAY_ROWS` says how many rows of it, all 541,909
/// at most:
///
/// ```text
/// STOCKGATE_REPLAY_ROWS=541909 cargo test --test contract real_orders_leave -- --ignored --nocapture
/// ```
#[test]
#[ignore = "needs the real orders: scripts/test"]
#[allow(clippy::print_stdout, reason = "the figures are what a person runs this for")]
fn real_orders_leave_the_same_stock_in_any_order() {
    let rows = std::env::var("STOCKGATE_REPLAY_ROWS").ok().and_then(|rows| rows.parse().ok());
    let text = real_orders(rows.unwrap_or(3_000));
    let (header, rows) = text.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    let mut reversed = rows.clone();
    reversed.reverse();
    let mut shuffled = rows.clone();
    fastrand::Rng::with_seed(20).shuffle(&mut shuffled);
    let mut on_top = shuffled.clone();
    on_top.insert(0, "X1,85123A,6,2010-12-01T08:26:00,2.55,United Kingdom");

    let gateway = Gateway::start();
    let seeded = |rows: &[&str]| {
        let text = format!("{header}\n{}\n", rows.join("\n"));
        let ended = replay(&gateway, text.as_bytes(), &["--seed-stock", "--json"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
        println!("{} rows: {}", rows.len(), ended.stdout.trim());
        assert_eq!(summary["refused"], json!({}), "{ended:?}");
        (summary["applied"].as_u64().unwrap(), whole_stock(&gateway))
    };
    let (applied, first) = seeded(&rows);
    assert_eq!(applied, rows.len() as u64);
    assert_eq!(seeded(&reversed), (0, first.clone()));
    assert_eq!(seeded(&shuffled), (0, first.clone()));
    assert_eq!(seeded(&on_top), (1, first), "the new row takes what was seeded for it");
}

fn whole_stock(gateway: &Gateway) -> Vec<(String, i64)> {
    let (mut stock, mut after) = (Vec::new(), String::new());
    loop {
        let page = gateway.http().get(&format!("/api/stock?limit=1000&after={after}")).json();
        for item in page["items"].as_array().unwrap() {
            stock.push((item["sku"].as_str().unwrap().into(), item["on_hand"].as_i64().unwrap()));
        }
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => return stock,
        }
    }
}

fn real_orders(rows: usize) -> String {
    let path = data_directory().join("online-retail-2010-2011-lines.csv.zst");
    let file = fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let decoder = ruzstd::decoding::StreamingDecoder::new(file).unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(decoder)).take(rows + 1);
    lines.map(|line| line.unwrap() + "\n").collect()
}

/// The directory is not part of the project.
fn data_directory() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    std::env::var("STOCKGATE_DATA").unwrap_or_else(|_| beside.into()).into()
}

#[test]
fn a_quantity_that_may_be_thousands_is_refused_before_the_first_row_is_sent() {
    let gateway = shop();
    for (text, said) in [
        (
            "order_id;sku;Quantity\nA;BOOK;2\nB;BOOK;1.000\nC;BOOK;1,5\n",
            "line 3, column \"quantity\": \"1.000\" may be thousands, because line 4 has \"1,5\"",
        ),
        (
            "order_id;sku;Quantity\nA;BOOK;1.000.000\nB;BOOK;1.000\n",
            "line 3, column \"quantity\": \"1.000\" may be thousands",
        ),
    ] {
        for more in [&[][..], &["--seed-stock"], &["--dry-run"], &["--limit", "1"]] {
            let ended = replay(&gateway, text.as_bytes(), more);
            assert_eq!((ended.code, stock(&gateway)), (Some(1), (100, 100)), "{ended:?}");
            assert!(ended.stderr.contains("orders.csv: line 3"), "{ended:?}");
            assert!(ended.stderr.contains(said), "{ended:?}");
        }
    }
    let alone = replay(&gateway, b"order_id,sku,quantity\nA,BOOK,1.000\n", &["--json"]);
    assert_eq!((alone.code, stock(&gateway).0), (Some(0), 99), "{alone:?}");
    assert!(
        alone.stderr.contains("line 2, column \"quantity\": the point of \"1.000\""),
        "{alone:?}"
    );
    let summary: Value = serde_json::from_str(&alone.stdout).unwrap();
    assert_eq!(summary["warnings"].as_array().unwrap().len(), 1, "{summary}");
}

/// They are sent as they are written: what a return or an opening stock makes of them is said first.
#[test]
fn skus_that_the_gateway_does_not_know_are_warned_of() {
    let mut gateway = shop();
    list(&mut gateway, vec![named("PEN", "Pen", &["4006381333931"])]);
    let rows = [
        "A,BOOK,1\n",
        "B,book,-1\n",
        "C,4006381333931,-1\n",
        "D,4006381333932,-1\n",
        "E,NEW,-1\n",
        "F,B00K,-1\n",
        "G,book,-1\n",
        "H,NEW\u{200b}2,-1\n",
        "I\u{202e}J,BOOK,1\n",
    ];
    let hints = [
        "line 3: book: code \"book\": is not known here; did you mean BOOK?",
        "line 4: 4006381333931: is a code of SKU PEN; did you mean PEN?",
        "line 5: 4006381333932: code: the check digit",
        "line 7: B00K: code \"B00K\": is not known here; did you mean BOOK?",
        "line 10: the order \"I\\u{202e}J\" has a character that nobody sees",
    ];
    for seed in [&["--dry-run"][..], &["--dry-run", "--seed-stock"], &[]] {
        let ended = replay(&gateway, &csv(&rows), &[&["--json"][..], seed].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for hint in hints {
            assert!(ended.stderr.contains(hint), "{seed:?}: {hint}: {ended:?}");
        }
        assert!(
            !ended.stderr.contains("line 2:") && !ended.stderr.contains("line 8:"),
            "{ended:?}"
        );
        let is_seeded = seed.contains(&"--seed-stock");
        assert_eq!(ended.stderr.contains("line 6: NEW"), !is_seeded, "{ended:?}");
        assert!(ended.stderr.contains("line 9: NEW"), "{ended:?}");
        let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
        let count = summary["warnings"].as_array().unwrap().len();
        assert_eq!(count, if is_seeded { 6 } else { 7 }, "{summary}");
    }
    assert_eq!(gateway.http().figures("book"), (2, 0), "nothing is guessed");
}

#[test]
fn a_dry_run_without_a_gateway_says_what_it_could_not_compare() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("orders.csv");
    fs::write(&file, csv(&ROWS)).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let run = |more: &[&str]| {
        let mut command = stockgate();
        command.arg("replay").arg(&file).args(["--url", &url]).args(more);
        run_within(RUN_LIMIT, &mut command)
    };
    let ended = run(&["--dry-run"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("the SKUs were not compared"), "{ended:?}");
    assert_eq!(run(&[]).code, Some(1));
}
