//! What a long-running process needs around its work: the stop request, the service manager, logs,
//! a throttle for repeated log lines, and the key with which it signs.

pub mod heartbeat;
pub mod log_throttle;
pub mod logs;
pub mod reload;
pub mod service;
pub mod signing_key;
pub mod stop;

/// Version, commit and target, as `--version` prints them.
pub const VERSION: &str = env!("STOCKGATE_VERSION");
/// The version alone, as it is sent to the hub and to terminals.
pub const RELEASE: &str = env!("CARGO_PKG_VERSION");
