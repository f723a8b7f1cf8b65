//! Parameters in the query of a URL.

use crate::limits::{PAGE_DEFAULT, PAGE_MAX};
use crate::problem::Problem;

/// The decoded value of a query parameter; the first one if it occurs more than once.
pub fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    form_urlencoded::parse(query?.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// The value of a numeric query parameter.
///
/// # Errors
/// `bad_request` if it is not a whole number.
pub fn number(query: Option<&str>, name: &str) -> Result<Option<u64>, Problem> {
    match parameter(query, name) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| {
            Problem::bad_request(format!("{name}: must be a whole number, is {text:?}"))
        }),
    }
}

/// The number of items in a page for a client that asks for `limit`: from 1 to [`PAGE_MAX`], and
/// [`PAGE_DEFAULT`] without a limit.
pub fn page_size(limit: Option<u64>) -> usize {
    let limit = limit.map_or(PAGE_DEFAULT, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    limit.clamp(1, PAGE_MAX)
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
}
