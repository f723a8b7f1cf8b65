//! The TLS configuration of connections to the broker, which a reload renews.

use std::sync::Arc;

use rustls::ClientConfig;
use tokio::sync::watch;

use super::ClientTls;

/// The TLS configuration that the next connection uses; none for plain connections.
#[derive(Debug)]
pub struct RenewableTls(Option<watch::Sender<Arc<ClientConfig>>>);

/// Waits for a newer configuration than that of the last attempt to connect.
#[derive(Debug)]
pub struct Renewal(Option<ClientTls>);

impl Renewal {
    pub(super) fn after_now(tls: Option<&ClientTls>) -> Self {
        let mut tls = tls.cloned();
        tls.iter_mut().for_each(ClientTls::mark_unchanged);
        Self(tls)
    }

    /// Ends when there is one.
    pub async fn comes(&mut self) {
        if let Some(tls) = &mut self.0
            && tls.changed().await.is_ok()
        {
            return;
        }
        std::future::pending().await
    }
}

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

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use rustls::RootCertStore;

    use super::*;

    fn config() -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
    }

    #[test]
    fn a_wait_ends_with_a_configuration_that_is_newer_than_the_last_attempt() {
        let tls = RenewableTls::new(Some(config()));
        tls.renew(Some(config()));
        let subscribed = tls.subscribe();
        tls.renew(Some(config()));
        let comes = |mut renewal: Renewal| {
            pin!(renewal.comes()).poll(&mut Context::from_waker(Waker::noop()))
        };
        assert_eq!(comes(Renewal::after_now(subscribed.as_ref())), Poll::Pending);
        let renewal = Renewal::after_now(subscribed.as_ref());
        tls.renew(Some(config()));
        assert_eq!(comes(renewal), Poll::Ready(()));
        assert_eq!(comes(Renewal::after_now(None)), Poll::Pending, "a plain connection");
    }
}
