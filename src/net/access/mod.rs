//! Who may do what on a port: tokens, principals, browsers' origins, and the limits on requests and
//! wrong tokens. The ports of gateway and hub use it alike.
//!
//! This folder reads request headers and nothing else. It must not touch stock, connections or the
//! clock: the time is an argument.

mod login;
mod login_throttle;
mod origin;
mod principal;
mod rate;
mod rules;
mod sites;
mod token;

pub use self::login::log_in;
pub use self::login_throttle::LoginThrottle;
pub(in crate::net) use self::login_throttle::network;
pub use self::principal::Principal;
pub use self::rules::{Access, AccessRules};
pub use self::sites::Sites;
pub(in crate::net) use self::token::token_needed;
pub use self::token::{Role, Token, authorize, bearer_token};
