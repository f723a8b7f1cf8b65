//! The TLS configuration of connections to the broker, which a reload renews.

use std::sync::Arc;

use rustls::ClientConfig;
use tokio::sync::watch;

use super::ClientTls;

/// The TLS configuration that the next connection uses; none for plain connections.
#[derive(Debug)]
pub struct RenewableTls(Option<watch::Sender<Arc<ClientConfig>>>);

impl RenewableTls {
    /// The configuration of the first connection.
    pub fn new(tls: Option<Arc<ClientConfig>>) -> Self {
        Self(tls.map(watch::Sender::new))
    }

    /// What the broker's settings need.
    pub fn subscribe(&self) -> Option<ClientTls> {
        self.0.as_ref().map(watch::Sender::subscribe)
    }

    /// Sets the configuration from the next connection on. Whether there is TLS at all stays as it
    /// is.
    pub fn renew(&self, tls: Option<Arc<ClientConfig>>) {
        if let (Some(newest), Some(tls)) = (&self.0, tls) {
            newest.send_replace(tls);
        }
    }
}
