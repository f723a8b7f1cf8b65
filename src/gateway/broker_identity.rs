//! The certificates of the link to the broker, which a reload renews.

use std::sync::Arc;

use crate::config::{CertificateDates, MqttConfig};
use crate::metrics::GatewayMetrics;
use crate::net::mqtt::{ClientTls, RenewableTls};

/// What the next connection to the broker uses.
#[derive(Debug)]
pub(super) struct BrokerIdentity {
    tls: RenewableTls,
    metrics: Arc<GatewayMetrics>,
}

impl BrokerIdentity {
    pub(super) fn new(mqtt: Option<&MqttConfig>, metrics: Arc<GatewayMetrics>) -> Self {
        let tls = RenewableTls::new(mqtt.and_then(|mqtt| mqtt.tls.clone()));
        let identity = Self { tls, metrics };
        identity.report(mqtt);
        identity
    }

    pub(super) fn subscribe(&self) -> Option<ClientTls> {
        self.tls.subscribe()
    }

    /// Uses newer certificates from the next connection on.
    pub(super) fn renew(&self, mqtt: Option<&MqttConfig>) {
        self.tls.renew(mqtt.and_then(|mqtt| mqtt.tls.clone()));
        self.report(mqtt);
    }

    fn report(&self, mqtt: Option<&MqttConfig>) {
        let certificate = mqtt.and_then(|mqtt| mqtt.certificate);
        let CertificateDates { begin_ms, end_ms } = certificate.unwrap_or_default();
        self.metrics.certificate.set(begin_ms, end_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_without_a_certificate_shows_none() {
        let metrics = Arc::<GatewayMetrics>::default();
        let identity = BrokerIdentity::new(None, Arc::clone(&metrics));
        metrics.certificate.set(1_000, 2_000);
        identity.renew(None);
        let shown = (metrics.certificate.begin_s.get(), metrics.certificate.end_s.get());
        assert_eq!(shown, (0, 0));
    }
}
