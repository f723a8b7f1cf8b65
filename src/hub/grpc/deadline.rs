//! The time that a client has for a call, as it says in the header `grpc-timeout`.

use std::time::Duration;

use hyper::HeaderMap;
use tokio::time::Instant;
use tonic::Status;

use crate::clock::instant;

const NOT_STARTED: &str =
    "the time that the client has given was over before the request was read; nothing was applied";
const EXCEEDED: &str = "the time that the client has given is over; whether the request was applied is not known, send it again with the same request id";

/// When a client stops waiting for a call; a far future if it does not say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(pub(super) Instant);

/// A year: longer than any call.
const NEVER: Duration = Duration::from_secs(366 * 24 * 3600);

impl Deadline {
    /// The end of the time that a client has given now.
    pub(super) fn after(given: Option<Duration>) -> Self {
        Self(Instant::from_std(instant()) + given.map_or(NEVER, |given| given.min(NEVER)))
    }
}

impl Deadline {
    /// The time that is left.
    pub(super) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::from_std(instant()))
    }

    /// # Errors
    /// If the time is over, so that nothing is to be done.
    pub(super) fn check(self) -> Result<(), Status> {
        match self.left().is_zero() {
            true => Err(Status::deadline_exceeded(NOT_STARTED)),
            false => Ok(()),
        }
    }
}

pub(super) fn deadline_exceeded() -> Status {
    Status::deadline_exceeded(EXCEEDED)
}

/// The time that a client gives: at most eight digits and a unit. `None` if it gives none, or
/// something else.
pub(super) fn time_left(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_number = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let count: u64 = if is_number { digits.parse().ok()? } else { return None };
    Some(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn a_timeout_is_read_in_every_unit_and_nothing_else_is_one() {
        let of = |text: &'static str| {
            let value = HeaderValue::from_static(text);
            time_left(&[("grpc-timeout".parse().unwrap(), value)].into_iter().collect())
        };
        assert_eq!(of("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(of("3M"), Some(Duration::from_secs(180)));
        assert_eq!(of("4S"), Some(Duration::from_secs(4)));
        assert_eq!(of("250m"), Some(Duration::from_millis(250)));
        assert_eq!(of("99999999u"), Some(Duration::from_micros(99_999_999)));
        assert_eq!(of("7n"), Some(Duration::from_nanos(7)));
        for wrong in ["", "S", "1", "1s", "-1S", "+1S", "1.5S", "123456789S", "1 S"] {
            assert_eq!(of(wrong), None, "{wrong:?}");
        }
        assert_eq!(time_left(&HeaderMap::new()), None);
    }
}
