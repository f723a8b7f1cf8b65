//! Who may do what on the terminal port: tokens, principals, browsers' origins
//! and the limits on requests and wrong tokens.
//!
//! This folder reads request headers and nothing else. It must not touch stock, the network or
//! the clock: the time is an argument.

mod login_throttle;
mod origin;
mod principal;
mod rate;
mod rules;
mod token;

pub(super) use self::login_throttle::LoginThrottle;
pub use self::principal::Principal;
pub use self::rules::{Access, AccessRules};
pub use self::token::{Role, Token};
pub(super) use self::token::{authorize, bearer_token};
