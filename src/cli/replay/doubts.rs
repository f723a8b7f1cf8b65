//! What is doubtful in a file: SKUs that the gateway does not know as such. Their rows are sent, and
//! a return or an opening stock would make a SKU of a misread.

use serde_json::{Value, json};

use crate::cli::client::Client;
use crate::stock::ruined::looks_misread;
use crate::stock::{Sku, is_invisible};

/// SKUs that are asked for at once.
const ASKED: usize = 16;
/// After so many SKUs that are not known the file is for another gateway, or for a new one. The gateway
/// looks for each of them among all that it has.
const UNKNOWN_MAX: usize = 32;
/// Warnings that are listed.
const LISTED_MAX: usize = 50;

/// A warning for each SKU that is doubtful. Each has the line of its first row.
///
/// # Errors
/// If the gateway cannot be asked.
pub(super) async fn of_skus(
    skus: &[(u64, Sku)],
    is_seeded: bool,
    client: &mut Client,
) -> anyhow::Result<Vec<String>> {
    if client.call(json!({"op": "status"})).await?["skus"] == 0 {
        return Ok(Vec::new());
    }
    let (mut doubts, mut unknown) = (Vec::new(), 0);
    for some in skus.chunks(ASKED) {
        let requests = some.iter().map(|(_, sku)| json!({"op": "resolve", "code": sku.as_str()}));
        let answers = client.ask_all(requests.collect()).await?;
        unknown += answers.iter().filter(|answer| answer.is_err()).count();
        let found = some.iter().zip(&answers).filter_map(|((line, sku), answer)| {
            Some(format!("line {line}: {sku}: {}", doubt(sku, answer, is_seeded)?))
        });
        doubts.extend(found);
        if unknown >= UNKNOWN_MAX || doubts.len() >= LISTED_MAX {
            doubts.truncate(LISTED_MAX);
            let (line, _) = &some[some.len() - 1];
            doubts.push(format!("line {line}: so many SKUs are doubtful or not known that this is the last one that is compared with those of the gateway"));
            break;
        }
    }
    Ok(doubts)
}

/// Why a SKU is doubtful, by what the gateway says of its text.
fn doubt(sku: &Sku, answer: &Result<Value, Value>, is_seeded: bool) -> Option<String> {
    let error = match answer {
        Ok(found) if found["sku"] == sku.as_str() => return None,
        Ok(found) => {
            let listed = found["sku"].as_str().unwrap_or("?");
            return Some(format!(
                "is a code of SKU {listed}; did you mean {listed}? It is sent as it is written"
            ));
        }
        Err(error) => error,
    };
    let is_doubtful = match error["code"].as_str() {
        Some("bad_code" | "throttled" | "overloaded" | "storage_unavailable") => true,
        Some("unknown_code") => error["sku"].is_string() || !is_seeded,
        _ => false,
    };
    let message = || error["message"].as_str().unwrap_or("?").to_owned();
    is_doubtful.then(message).or_else(|| odd_spelling(sku.as_str()))
}

/// Why another export may have a text in another spelling, which would be another order or SKU.
pub(super) fn odd_spelling(text: &str) -> Option<String> {
    if let Some(found) = text.chars().find(|char| is_invisible(*char)) {
        return Some(format!(
            "{text:?} has a character that nobody sees ({})",
            found.escape_unicode()
        ));
    }
    if looks_misread(text) {
        return Some(format!("{text:?} looks like UTF-8 that was read in another encoding"));
    }
    let is_apart = text.contains(|char: char| matches!(char, '\u{300}'..='\u{36f}'));
    is_apart.then(|| format!("{text:?} has accents that stand apart from their letters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sku_is_doubtful_if_its_text_means_something_else() {
        let sku = Sku::parse("85123a").unwrap();
        let of = |answer, is_seeded| doubt(&sku, &answer, is_seeded);
        assert_eq!(of(Ok(json!({"sku": "85123a"})), false), None);
        assert!(of(Ok(json!({"sku": "PEN"})), true).unwrap().contains("did you mean PEN?"));
        let error = |code: &str, near: Option<&str>| {
            Err(json!({"code": code, "message": "said so", "sku": near}))
        };
        for (answer, is_seeded, is_doubtful) in [
            (error("bad_code", None), true, true),
            (error("throttled", None), true, true),
            (error("unknown_code", Some("85123A")), true, true),
            (error("unknown_code", None), false, true),
            (error("unknown_code", None), true, false),
            (error("forbidden", None), false, false),
        ] {
            assert_eq!(of(answer, is_seeded).is_some(), is_doubtful, "{is_seeded}");
        }
    }

    #[test]
    fn a_text_that_another_export_may_spell_otherwise_is_odd() {
        for (text, why) in [
            ("A\u{200b}1", "nobody sees"),
            ("M\u{c3}\u{bc}ller-7", "another encoding"),
            ("Cafe\u{301}-7", "apart from their letters"),
        ] {
            assert!(odd_spelling(text).unwrap_or_default().contains(why), "{text}");
        }
        for text in ["M\u{fc}ller-7", "536365", "\u{8ba2}\u{5355}-7"] {
            assert_eq!(odd_spelling(text), None, "{text}");
        }
    }
}
