//! The report of a doctor, for people and for programs.

use std::fmt::Display;

use serde::Serialize;

use crate::net::json::json;

/// The subject of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum Check {
    Configuration,
    Database,
    Schema,
    Integrity,
    Rows,
    Ledger,
    Digest,
    Locks,
    Space,
    Permissions,
    Key,
    Clock,
    Gateway,
    Certificate,
    Broker,
    Hub,
    /// The units of the hub's books add up.
    #[cfg(feature = "hub")]
    Balance,
    /// The gateways in the hub's books.
    #[cfg(feature = "hub")]
    Gateways,
    /// The server of books in PostgreSQL.
    #[cfg(feature = "hub")]
    Server,
    #[cfg(feature = "hub")]
    Encoding,
    #[cfg(feature = "hub")]
    Isolation,
    #[cfg(feature = "hub")]
    Tls,
    #[cfg(feature = "hub")]
    Tokens,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    /// Worth knowing; the doctor still succeeds.
    Note,
    Wrong,
    /// The check could not be made.
    Skipped,
}

#[derive(Debug, Serialize)]
struct Finding {
    check: Check,
    verdict: Verdict,
    message: String,
    /// The next step for the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The findings, in the order in which they were made.
#[derive(Debug, Default)]
pub(in crate::cli) struct Report(Vec<Finding>);

impl Report {
    pub(in crate::cli) fn ok(&mut self, check: Check, message: impl Display) {
        self.add(check, Verdict::Ok, message, "");
    }

    pub(in crate::cli) fn note(&mut self, check: Check, message: impl Display, next: &str) {
        self.add(check, Verdict::Note, message, next);
    }

    pub(in crate::cli) fn wrong(&mut self, check: Check, message: impl Display, next: &str) {
        self.add(check, Verdict::Wrong, message, next);
    }

    pub(in crate::cli) fn skipped(&mut self, check: Check, message: impl Display, next: &str) {
        self.add(check, Verdict::Skipped, message, next);
    }

    fn add(&mut self, check: Check, verdict: Verdict, message: impl Display, next: &str) {
        let next = Some(next.to_owned()).filter(|next| !next.is_empty());
        self.0.push(Finding { check, verdict, message: message.to_string(), next });
    }

    /// Whether no finding is a problem.
    pub(in crate::cli) fn is_healthy(&self) -> bool {
        self.faults().is_none()
    }

    /// The problems, in one text.
    pub(in crate::cli) fn faults(&self) -> Option<String> {
        let wrong = self.0.iter().filter(|finding| finding.verdict == Verdict::Wrong);
        let faults: Vec<&str> = wrong.map(|finding| finding.message.as_str()).collect();
        (!faults.is_empty()).then(|| faults.join("; "))
    }

    /// One line for each finding, with the next step below it; the last one is not ended.
    pub(in crate::cli) fn text(&self) -> String {
        let mut text = String::new();
        for Finding { verdict, message, next, .. } in &self.0 {
            let word = match verdict {
                Verdict::Ok => "ok",
                Verdict::Note => "note",
                Verdict::Wrong => "WRONG",
                Verdict::Skipped => "-",
            };
            text.push_str(&format!("{word:<6} {message}\n"));
            if let Some(next) = next {
                text.push_str(&format!("         what to do: {next}\n"));
            }
        }
        text.pop();
        text
    }

    /// `{"healthy":…,"findings":[{"check","verdict","message","next"?}]}`
    pub(in crate::cli) fn json(&self) -> String {
        #[derive(Serialize)]
        struct Whole<'a> {
            healthy: bool,
            findings: &'a [Finding],
        }
        json(&Whole { healthy: self.is_healthy(), findings: &self.0 })
    }
}
