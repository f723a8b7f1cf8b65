//! The operation that a request asked for.

use serde::{Deserialize, Serialize};

use super::entry::Kind;

/// The kind of a request. The variants' order is on disk: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestKind {
    Deduct,
    Restock,
    Count,
    Rollback,
    Reserve,
    Commit,
    Release,
    /// It changes the lifetime of a reservation, so it makes no entry.
    Extend,
}

impl RequestKind {
    /// The kind of the request that made entries of this kind; `None` if no request makes them.
    pub fn of_entries(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Deduct => Some(Self::Deduct),
            Kind::Restock => Some(Self::Restock),
            Kind::Count => Some(Self::Count),
            Kind::Rollback | Kind::CountRollback => Some(Self::Rollback),
            Kind::Reserve => Some(Self::Reserve),
            Kind::Commit => Some(Self::Commit),
            Kind::Release => Some(Self::Release),
            Kind::Expire | Kind::Grant | Kind::Recall => None,
        }
    }

    /// The kind of the entries that undo such a request.
    pub(super) fn undone_by(self) -> Kind {
        if self == Self::Count { Kind::CountRollback } else { Kind::Rollback }
    }

    /// The name in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deduct => "deduct",
            Self::Restock => "restock",
            Self::Count => "count",
            Self::Rollback => "rollback",
            Self::Reserve => "reserve",
            Self::Commit => "commit",
            Self::Release => "release",
            Self::Extend => "extend",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_number_that_entries_of_its_kind_have() {
        for kind in Kind::ALL {
            if let Some(request) = RequestKind::of_entries(kind).filter(|_| kind.undoes().is_none())
            {
                let stored = postcard::to_stdvec(&request).unwrap();
                assert_eq!((stored[0], request.as_str()), (kind.code(), kind.as_str()));
            }
        }
    }
}
