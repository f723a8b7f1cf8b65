//! Parameters in the query of a URL.

use crate::limits::{PAGE_DEFAULT, PAGE_MAX};
use crate::problem::Problem;

/// The decoded value of a query parameter; the first one if it occurs more than once.
pub fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    form_urlencoded::parse(query?.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// The first parameter that is none of these.
pub fn unknown_parameter(query: Option<&str>, known: &[&str]) -> Option<String> {
    let names = form_urlencoded::parse(query?.as_bytes()).map(|(name, _)| name);
    names.map(std::borrow::Cow::into_owned).find(|name| !known.contains(&name.as_str()))
}

/// The value of a parameter, where an empty one says as little as none.
pub fn filled(query: Option<&str>, name: &str) -> Option<String> {
    parameter(query, name).filter(|text| !text.is_empty())
}

/// The value of a numeric query parameter. One that has no room in 64 bits is over every limit.
///
/// # Errors
/// `bad_request` if it is not a whole number.
pub fn number(query: Option<&str>, name: &str) -> Result<Option<u64>, Problem> {
    let Some(text) = filled(query, name) else { return Ok(None) };
    match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(Some(text.parse().unwrap_or(u64::MAX))),
        false => Err(Problem::bad_request(format!("{name}: must be a whole number, is {text:?}"))),
    }
}

/// The number of items in a page for a client that asks for `limit`: [`PAGE_MAX`] at most, and
/// [`PAGE_DEFAULT`] without a limit.
///
/// # Errors
/// `bad_request` for 0: a page without items would never come to an end.
pub fn page_size(limit: Option<u64>) -> Result<usize, Problem> {
    match limit {
        None => Ok(PAGE_DEFAULT),
        Some(0) => Err(Problem::bad_request("limit: must be at least 1, is 0")),
        Some(limit) => Ok(usize::try_from(limit).map_or(PAGE_MAX, |limit| limit.min(PAGE_MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        assert_eq!(parameter(Some("prefix=8+5&limit=3"), "prefix").as_deref(), Some("8 5"));
        assert_eq!(parameter(Some("a=1"), "b"), None);
        assert_eq!(parameter(None, "b"), None);
    }

    #[test]
    fn a_number_may_be_absent_empty_or_larger_than_any() {
        let limit = |query| number(Some(query), "limit").ok();
        assert_eq!(limit("limit="), Some(None));
        assert_eq!(limit("limit=99999999999999999999"), Some(Some(u64::MAX)));
        assert_eq!(limit("limit=+1").or(limit("limit=-1")), None);
    }

    #[test]
    fn a_page_has_at_least_one_item() {
        let size = |limit| page_size(limit).map_err(|problem| problem.message);
        assert_eq!(size(None), Ok(PAGE_DEFAULT));
        assert_eq!([Some(1), Some(u64::MAX)].map(size), [Ok(1), Ok(PAGE_MAX)]);
        assert_eq!(size(Some(0)), Err("limit: must be at least 1, is 0".into()));
    }
}
