//! Labels from a seed, with and without their separators: whatever `resolve` makes of one, it names no
//! quantity that is not on the label.

use std::env;

use serde_json::{Value, json};
use stockgate::stock::Barcode;

use crate::support::catalogue::{list, measured, named};
use crate::support::gateway::Gateway;
use crate::support::terminal::Terminal as _;

const LABELS: usize = 3_000;
const PEN: &str = "04006381333931";
const CARTON: &str = "14006381333938";
const CARTON_OF: u64 = 12;
const HAM: &str = "94006381333934";
const FNC1: char = '\u{1d}';
/// Quantities are compared in this part of one.
const PARTS: u64 = 1_000;

/// A code, and what it has to stand for.
struct Label {
    code: String,
    sku: &'static str,
    /// In [`PARTS`].
    quantity: u64,
    /// The quantity if its count is taken for a part of the text before it, where that may be.
    without_count: Option<u64>,
    /// Whether nothing is missing or doubtful in the code.
    is_clear: bool,
}

#[test]
fn no_quantity_is_named_that_is_not_on_the_label() {
    let given = env::var("STOCKGATE_SEED").ok();
    let seed = given.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    eprintln!("to see this again: STOCKGATE_SEED={seed}");
    let gateway = shop();
    let mut ws = gateway.ws();
    let (mut rng, mut answered, mut refused) = (fastrand::Rng::with_seed(seed), 0, 0);
    for n in 0..LABELS {
        let label = Label::any(&mut rng);
        match ws.call("resolve", json!({"code": label.code})) {
            Ok(found) => {
                label.check(&found, &format!("label {n} of seed {seed}"));
                answered += 1;
            }
            Err(error) => {
                assert!(!label.is_clear, "{:?}: {error}", label.code);
                assert_eq!(error["code"], "bad_code", "{:?}: {error}", label.code);
                refused += 1;
            }
        }
    }
    assert!(
        answered > LABELS / 2 && refused > LABELS / 20,
        "{answered} answered, {refused} refused"
    );
}

fn shop() -> Gateway {
    let mut gateway = Gateway::start_with("[barcodes]\nin_store = [\"21iiiiiwwwwwc\"]\n");
    let mut pen = named("PEN", "Pen", &[PEN]);
    pen.barcodes.push(Barcode { code: CARTON.into(), content: CARTON_OF });
    list(&mut gateway, vec![pen, measured("HAM", "kg", 3, &[HAM, "2112345000008"])]);
    gateway
}

impl Label {
    fn any(rng: &mut fastrand::Rng) -> Self {
        match rng.u8(..10) {
            0 => Self::in_store(rng),
            1 => Self::message(rng),
            2 | 3 => Self::of_ham(rng),
            _ => Self::of_pens(rng),
        }
    }

    fn check(&self, found: &Value, place: &str) {
        let code = &self.code;
        assert_eq!(found["sku"], self.sku, "{place}, {code:?}: {found}");
        let quantity = (found["quantity"].as_f64().unwrap() * PARTS as f64).round() as u64;
        let may_be = [Some(self.quantity), self.without_count];
        assert!(may_be.contains(&Some(quantity)), "{place}, {code:?}: {found}");
    }

    /// A weight that a scale has printed.
    fn in_store(rng: &mut fastrand::Rng) -> Self {
        let grams = rng.u64(1..100_000);
        let digits = format!("2112345{grams:05}");
        let code = format!("{digits}{}", stockgate::barcode::check_digit(digits.as_bytes()));
        Self { code, sku: "HAM", quantity: grams, without_count: None, is_clear: true }
    }

    fn message(rng: &mut fastrand::Rng) -> Self {
        let count = number(rng);
        let code = format!("[)>\u{1e}06{FNC1}1PPEN{FNC1}Q{count}{FNC1}1T{}\u{1e}\u{4}", text(rng));
        Self { code, sku: "PEN", quantity: count * PARTS, without_count: None, is_clear: true }
    }

    /// A weight of three decimals, or of fewer.
    fn of_ham(rng: &mut fastrand::Rng) -> Self {
        let (weight, decimals) = (rng.u64(1..1_000_000), rng.u32(0..4));
        let mut elements = vec![("01".into(), HAM.into())];
        elements.push((format!("310{decimals}"), format!("{weight:06}")));
        elements.push(("10".into(), text(rng)));
        let last = elements.len() - 1;
        if rng.bool() {
            elements.swap(1, last);
        }
        let quantity = weight * 10_u64.pow(3 - decimals);
        Self::of(rng, "HAM", &elements, quantity, None)
    }

    /// One pen, a carton of pens, some of them, or a parcel of them.
    fn of_pens(rng: &mut fastrand::Rng) -> Self {
        let (gtin, content) = if rng.bool() { (PEN, 1) } else { (CARTON, CARTON_OF) };
        let (is_parcel, count) = (rng.bool(), number(rng));
        let is_counted = is_parcel || rng.bool();
        let (first, counts) = if is_parcel { ("02", "37") } else { ("01", "30") };
        let mut elements: Vec<(String, String)> = vec![
            (first.into(), gtin.into()),
            ("17".into(), "261231".into()),
            ("10".into(), text(rng)),
        ];
        if !is_parcel && rng.bool() {
            elements.push(("21".into(), text(rng)));
        }
        if is_counted {
            elements.insert(rng.usize(1..=elements.len()), (counts.into(), count.to_string()));
        }
        let one = content * PARTS;
        let (quantity, counted) = if is_counted { (one * count, Some(count)) } else { (one, None) };
        Self::of(rng, "PEN", &elements, quantity, counted.map(|count| (count, one)))
    }

    /// `counted`: the count, and the quantity without it.
    fn of(
        rng: &mut fastrand::Rng,
        sku: &'static str,
        elements: &[(String, String)],
        quantity: u64,
        counted: Option<(u64, u64)>,
    ) -> Self {
        if rng.u8(..4) == 0 {
            let code = elements.iter().map(|(ai, value)| format!("({ai}){value}")).collect();
            return Self { code, sku, quantity, without_count: None, is_clear: true };
        }
        let mut code = (*rng.choice(&["", "]C1", "]d2", "\u{1d}"]).unwrap()).to_owned();
        for (ai, value) in elements {
            code += &format!("{ai}{value}");
            let is_predefined = matches!(ai.as_str(), "01" | "02" | "17") || ai.starts_with("310");
            if !is_predefined && rng.u8(..4) > 0 {
                code.push(FNC1);
            }
        }
        // A scanner that sends separators sends all, and a count of one digit may be a part of a text.
        let is_told = code.trim_matches(FNC1).contains(FNC1);
        let without_count = counted.filter(|(count, _)| is_told || *count < 10).map(|(_, one)| one);
        Self { code, sku, quantity, without_count, is_clear: false }
    }
}

fn number(rng: &mut fastrand::Rng) -> u64 {
    let most = 10_u64.pow(rng.u32(1..7));
    rng.u64(1..most)
}

/// A lot or serial number with the digits of identifiers.
fn text(rng: &mut fastrand::Rng) -> String {
    let length = rng.usize(1..=12);
    (0..length).map(|_| *rng.choice(b"AB01233377").unwrap() as char).collect()
}
