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
        let Some(CertificateDates { begin_ms, end_ms }) = mqtt.and_then(|mqtt| mqtt.certificate)
        else {
            return;
        };
        self.metrics.certificate.set(begin_ms, end_ms);
    }
}
