//! Days and moments in the query of a URL.

use chrono::DateTime;

use crate::net::http::filled;
use crate::problem::Problem;
use crate::stock::Day;

/// The beginning of a period, in milliseconds since 1970.
///
/// # Errors
/// If the parameter is neither a day nor a moment.
pub(super) fn from(query: Option<&str>, name: &str) -> Result<Option<i64>, Problem> {
    bound(query, name, |day| day)
}

/// The end of a period: a day belongs to it, a moment does not.
///
/// # Errors
/// As [`from`].
pub(super) fn until(query: Option<&str>, name: &str) -> Result<Option<i64>, Problem> {
    bound(query, name, |day| day + Day::MS)
}

/// A day, or that of a moment, in UTC.
///
/// # Errors
/// As [`from`].
pub(super) fn day(query: Option<&str>, name: &str) -> Result<Option<Day>, Problem> {
    let ms = from(query, name)?;
    let number = ms.and_then(|ms| i32::try_from(ms.div_euclid(Day::MS)).ok());
    Ok(number.and_then(|number| Day::try_from(number).ok()))
}

/// A bound of a period; nothing was booked before 1970.
fn bound(
    query: Option<&str>,
    name: &str,
    of_day: impl Fn(i64) -> i64,
) -> Result<Option<i64>, Problem> {
    let Some(text) = filled(query, name) else { return Ok(None) };
    let ms = match Day::parse(&text) {
        Ok(day) => Some(of_day(i64::from(day.number()) * Day::MS)),
        Err(_) => moment(&text),
    };
    ms.map(|ms| Some(ms.max(0))).ok_or_else(|| {
        let message = "must be a day such as 2026-01-31, or a moment such as 2026-01-31T08:26:00Z or 2026-01-31T09:26:00+01:00";
        Problem::bad_request(format!("{name}: {message}"))
    })
}

/// Milliseconds since 1970 of a moment by RFC 3339. The `+` of a query that is not encoded arrives as a
/// blank.
fn moment(text: &str) -> Option<i64> {
    let blank = text.len().checked_sub("+01:00".len()).filter(|at| text.as_bytes()[*at] == b' ');
    let encoded = blank.map(|at| [&text[..at], "+", &text[at + 1..]].concat());
    let moment = DateTime::parse_from_rfc3339(encoded.as_deref().unwrap_or(text));
    moment.ok().map(|moment| moment.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<i64> {
        from(Some(&format!("at={text}")), "at").unwrap_or(None)
    }

    #[test]
    fn a_day_is_meant_from_its_beginning_to_its_end() {
        let query = Some("from=1970-01-02&to=1970-01-02&none=");
        assert_eq!(from(query, "from").unwrap(), Some(Day::MS));
        assert_eq!(until(query, "to").unwrap(), Some(2 * Day::MS));
        assert_eq!(until(Some("to=1970-01-01T00:00:01.5Z"), "to").unwrap(), Some(1_500));
        assert_eq!(from(query, "none").unwrap(), None, "as if it were absent");
        assert!(from(Some("from=yesterday"), "from").is_err());
    }

    #[test]
    fn a_moment_has_any_offset_and_is_never_before_1970() {
        let utc = read("2026-01-31T07:26:00Z");
        assert_eq!(utc, Some(1_769_844_360_000));
        for same in [
            "2026-01-31T08:26:00%2B01:00",
            "2026-01-31T08:26:00+01:00",
            "2026-01-31t07:26:00.000000z",
            "2026-01-31%2007:26:00-00:00",
            "2026-01-30T21:56:00-09:30",
        ] {
            assert_eq!(read(same), utc, "{same}");
        }
        assert_eq!(read("1970-01-01T00:00:59.0015Z"), Some(59_001));
        assert_eq!(read("2016-12-31T23:59:60Z"), read("2017-01-01T00:00:00Z"), "a leap second");
        for early in ["1969-12-31T23:59:59Z", "1970-01-01T00:30:00%2B01:00", "1066-10-14"] {
            assert_eq!(read(early), Some(0), "{early}");
        }
        for wrong in [
            "2026-01-31T08:26:00",
            "2026-01-31T08:26Z",
            "2026-02-30T08:26:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T08:26:00.Z",
            "2026-01-31T08:26:00%2B1:00",
            "2026-01-31T08:26:00Zulu",
            "2026-01-31T8:26:00Z",
            "2026-01-31",
            "soon",
            "2026-01-31T08:26:00%2B24:00",
        ] {
            assert_eq!(moment(&wrong.replace("%2B", "+")), None, "{wrong}");
        }
    }

    #[test]
    fn the_day_of_a_moment_is_that_of_utc() {
        let of = |query: &str| day(Some(query), "from").unwrap();
        assert_eq!(of("from=2026-01-31T00:30:00%2B01:00"), Day::parse("2026-01-30").ok());
        assert_eq!(of("from=2026-01-31"), Day::parse("2026-01-31").ok());
        assert_eq!(of("from="), None);
    }
}
