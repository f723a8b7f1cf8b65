//! The sites that a token is bound to.

use std::collections::BTreeSet;

use crate::problem::{Code, Problem};

/// The sites that a client may see and act on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sites {
    /// All of them, and what belongs to none, such as the pool.
    #[default]
    All,
    /// These only.
    Only(BTreeSet<String>),
}

impl Sites {
    /// Whether a site is one of them.
    pub fn contains(&self, site: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(sites) => sites.contains(site),
        }
    }

    /// Checks that a site is one of them. The answer is the same whether the site exists or not.
    ///
    /// # Errors
    /// `forbidden` for another site.
    pub fn check(&self, site: &str) -> Result<(), Problem> {
        match self {
            Self::Only(sites) if !sites.contains(site) => {
                Err(self.forbidden(&format!("site {site}")))
            }
            Self::All | Self::Only(_) => Ok(()),
        }
    }

    /// Checks that they are all sites; `what` is what concerns all of them.
    ///
    /// # Errors
    /// `forbidden` for a client that is bound to sites.
    pub fn check_all(&self, what: &str) -> Result<(), Problem> {
        match self {
            Self::All => Ok(()),
            Self::Only(_) => Err(self.forbidden(what)),
        }
    }

    fn forbidden(&self, what: &str) -> Problem {
        let Self::Only(sites) = self else {
            unreachable!("nothing is forbidden where there is no bound")
        };
        let bound = sites.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        Problem::new(
            Code::Forbidden,
            format!("{what}: the token is bound to {bound}; this needs a token that is not"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_client_reaches_its_sites_and_nothing_that_concerns_all() {
        let bound = Sites::Only(["wh-01".to_owned(), "wh-02".to_owned()].into());
        assert_eq!((bound.check("wh-01"), bound.check("wh-02")), (Ok(()), Ok(())));
        for site in ["wh-03", "wh-0", "WH-01", ""] {
            let problem = bound.check(site).unwrap_err();
            assert_eq!(problem.code, Code::Forbidden);
            assert!(problem.message.contains("wh-01, wh-02"), "{}", problem.message);
        }
        assert_eq!(bound.check_all("the pool").unwrap_err().code, Code::Forbidden);
        assert_eq!((Sites::All.check("any"), Sites::All.check_all("the pool")), (Ok(()), Ok(())));
    }
}
