//! Long random sequences of mutations, each outcome compared with a reference model.

use std::collections::BTreeMap;
use std::env;

use serde_json::{Value, json};

use crate::model::{Expected, Model};
use crate::support::bodies::{count, many, one, reservation, rollback, to_lines, with};
use crate::support::gateway::Gateway;
use crate::support::terminal::{Terminal, figures_of};

const MUTATIONS: usize = 4_000;
/// The number of mutations after which the gateway is killed.
const MUTATIONS_PER_LIFE: usize = 1_000;
const SKUS: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", "H"];
/// Percentages of requests that are repeated and of request ids that are reused.
const REPEATED: u8 = 10;
const REUSED: u8 = 3;

#[test]
fn a_random_sequence_of_mutations_ends_as_in_the_model() {
    let seed = seed();
    eprintln!("to see this again: STOCKGATE_SEED={seed}");
    let stock = SKUS.map(|sku| (sku, 40));
    let mut gateway = Gateway::stocked(&stock);
    let mut model = Model::default();
    assert!(model.decide("restock", &many("seed", &stock)).0.is_ok());
    let mut orders = Orders::new(seed);

    for life in 0..MUTATIONS / MUTATIONS_PER_LIFE {
        let mut terminal: Box<dyn Terminal> =
            if life % 2 == 0 { Box::new(gateway.ws()) } else { Box::new(gateway.http()) };
        for n in 0..MUTATIONS_PER_LIFE {
            let (op, body) = orders.next(&model);
            let request = format!("mutation {n} of life {life}, seed {seed}: {op} {body}");
            let expected = model.decide(op, &body);
            assert_outcome(&terminal.call(op, body), &expected, &request);
        }
        gateway.kill9();
        gateway.launch();
        assert_books(&mut gateway.http(), &model);
    }
}

fn seed() -> u64 {
    let given = env::var("STOCKGATE_SEED").ok();
    given.map_or_else(|| fastrand::u64(..), |seed| seed.parse().expect("a seed is a number"))
}

fn assert_outcome(
    outcome: &Result<Value, Value>,
    (expected, replayed): &(Expected, bool),
    request: &str,
) {
    match (outcome, expected) {
        (Ok(answer), Ok(figures)) => {
            assert_eq!(answer["replayed"], *replayed, "{request}: {answer}");
            for line in answer["lines"].as_array().unwrap() {
                let expected = figures.get(line["sku"].as_str().unwrap());
                assert_eq!(Some(&figures_of(line)), expected, "{request}: {answer}");
            }
        }
        (Err(error), Err(code)) => {
            assert_eq!(error["code"], *code, "{request}: {error}");
            assert!(!replayed || error["replayed"] == true, "{request}: {error}");
        }
        (Ok(answer), Err(code)) => panic!("{request}: {answer} instead of {code}"),
        (Err(error), Ok(figures)) => panic!("{request}: {error} instead of {figures:?}"),
    }
}

/// The stock equals the model's, and the sum of the ledger equals the stock.
fn assert_books(terminal: &mut dyn Terminal, model: &Model) {
    let items = terminal.every_page("list", json!({}), "items");
    let stock: BTreeMap<String, (u64, u64)> = items
        .iter()
        .map(|item| (item["sku"].as_str().unwrap().to_owned(), figures_of(item)))
        .collect();
    assert_eq!(stock, model.stock);

    let mut sums: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for entry in terminal.ledger() {
        let sum = sums.entry(entry["sku"].as_str().unwrap().to_owned()).or_default();
        sum.0 += entry["change"].as_i64().unwrap();
        sum.1 += entry["reserved_change"].as_i64().unwrap_or(0);
    }
    let sums = sums.into_iter().map(|(sku, (a, b))| (sku, (a.cast_unsigned(), b.cast_unsigned())));
    assert_eq!(sums.collect::<BTreeMap<_, _>>(), stock);
}

/// The generator of requests.
struct Orders {
    rng: fastrand::Rng,
    sent: Vec<(&'static str, Value)>,
    deductions: Vec<String>,
    reservations: Vec<String>,
}

impl Orders {
    fn new(seed: u64) -> Self {
        let rng = fastrand::Rng::with_seed(seed);
        let never = vec!["never".to_owned()];
        Self { rng, sent: Vec::new(), deductions: never.clone(), reservations: never }
    }

    fn next(&mut self, model: &Model) -> (&'static str, Value) {
        if self.sent.is_empty() {
            let first = self.new_order(model);
            self.sent.push(first.clone());
            return first;
        }
        if self.rng.u8(0..100) < REPEATED {
            return self.rng.choice(&self.sent).unwrap().clone();
        }
        let mut order = self.new_order(model);
        if order.1["request_id"].is_string() && self.rng.u8(0..100) < REUSED {
            order.1["request_id"] = json!(self.used_request_id());
        }
        self.sent.push(order.clone());
        order
    }

    fn new_order(&mut self, model: &Model) -> (&'static str, Value) {
        let request_id = format!("r{}", self.sent.len());
        match self.rng.u8(0..100) {
            0..30 => self.deduct(request_id),
            30..45 => self.restock(request_id),
            45..49 => self.count(&request_id),
            49..50 => self.merge(request_id),
            50..65 => ("rollback", self.rollback(&request_id)),
            65..82 => self.reserve(request_id),
            82..92 => self.commit(&request_id, model),
            92..94 => self.extend(&request_id),
            _ => self.release(&request_id, model),
        }
    }

    fn deduct(&mut self, request_id: String) -> (&'static str, Value) {
        let body = self.lines(&request_id);
        self.deductions.push(request_id);
        ("deduct", body)
    }

    fn restock(&mut self, request_id: String) -> (&'static str, Value) {
        let body = self.lines(&request_id);
        self.deductions.push(request_id);
        ("restock", body)
    }

    fn count(&mut self, request_id: &str) -> (&'static str, Value) {
        self.deductions.push(request_id.to_owned());
        ("count", count(request_id, self.sku(), self.rng.u64(0..30)))
    }

    fn merge(&mut self, request_id: String) -> (&'static str, Value) {
        let (from, into) = (self.rng.usize(0..SKUS.len()), self.rng.usize(1..SKUS.len()));
        let into = (from + into) % SKUS.len();
        let body = json!({"request_id": request_id, "from": SKUS[from], "into": SKUS[into]});
        self.deductions.push(request_id);
        ("merge", body)
    }

    fn extend(&mut self, request_id: &str) -> (&'static str, Value) {
        let id = self.rng.choice(&self.reservations).unwrap().clone();
        ("extend", with(with(reservation(&id), "request_id", request_id), "ttl_s", 600))
    }

    fn reserve(&mut self, request_id: String) -> (&'static str, Value) {
        let body = self.lines(&request_id);
        self.reservations.push(request_id);
        ("reserve", body)
    }

    fn rollback(&mut self, request_id: &str) -> Value {
        let body = rollback(request_id, self.rng.choice(&self.deductions).unwrap());
        if self.rng.bool() { body } else { with(body, "lines", self.few_lines(2, 4)) }
    }

    fn commit(&mut self, request_id: &str, model: &Model) -> (&'static str, Value) {
        if let Some(id) = self.open_reservation_for_a_default_id(model) {
            return ("commit", reservation(&id));
        }
        let id = self.rng.choice(&self.reservations).unwrap().clone();
        self.deductions.push(request_id.to_owned());
        let body = with(reservation(&id), "request_id", request_id);
        let body = if self.rng.bool() { body } else { with(body, "lines", self.few_lines(2, 3)) };
        ("commit", if self.rng.bool() { body } else { with(body, "keep_rest", true) })
    }

    fn release(&mut self, request_id: &str, model: &Model) -> (&'static str, Value) {
        if let Some(id) = self.open_reservation_for_a_default_id(model) {
            return ("release", reservation(&id));
        }
        // Whether a second release with another id is closed or a replay is left open.
        let others = self.reservations.iter().filter(|id| !model.is_released(id));
        let id = self.rng.choice(others.collect::<Vec<_>>()).unwrap();
        ("release", with(reservation(id), "request_id", request_id))
    }

    /// Every other time an open reservation, so that closing it needs no request id.
    fn open_reservation_for_a_default_id(&mut self, model: &Model) -> Option<String> {
        let open = model.open_reservations();
        if self.rng.bool() { self.rng.choice(open) } else { None }
    }

    fn used_request_id(&mut self) -> String {
        let (op, body) = self.rng.choice(&self.sent).unwrap();
        let id = body["request_id"].as_str().map(str::to_owned);
        id.unwrap_or_else(|| format!("{op}:{}", body["reservation"].as_str().unwrap()))
    }

    fn lines(&mut self, request_id: &str) -> Value {
        if self.rng.u8(0..50) == 0 {
            return one(request_id, &format!("{}-unknown", self.sku()), 1);
        }
        with(json!({"request_id": request_id}), "lines", self.few_lines(3, 6))
    }

    fn few_lines(&mut self, lines_max: usize, quantity_max: u64) -> Value {
        let lines = self.rng.usize(1..=lines_max);
        let lines: Vec<(&str, u64)> =
            (0..lines).map(|_| (self.sku(), self.rng.u64(1..=quantity_max))).collect();
        to_lines(&lines)
    }

    fn sku(&mut self) -> &'static str {
        self.rng.choice(SKUS).unwrap()
    }
}
