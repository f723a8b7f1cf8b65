//! Sends the hub's frames to the broker.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rumqttc::{AsyncClient, QoS};

use crate::protocol::Frame;
use crate::protocol::topic::{Channel, GatewayId};

/// Publishes on the connection that is up at the moment. The link sets it, the writer uses it.
#[derive(Clone, Debug, Default)]
pub(super) struct Publisher {
    client: Arc<Mutex<Option<AsyncClient>>>,
}

impl Publisher {
    /// Publishes on this connection from now on.
    pub(super) fn connect(&self, client: AsyncClient) {
        *self.lock() = Some(client);
    }

    /// Drops frames until there is a connection again.
    pub(super) fn disconnect(&self) {
        *self.lock() = None;
    }

    pub(super) fn is_connected(&self) -> bool {
        self.lock().is_some()
    }

    /// Publishes frames without waiting.
    ///
    /// A frame that is lost, or for which the client has no room, needs no repetition here: either
    /// the gateway asks again, or the downlink sends it again.
    pub(super) fn publish(&self, frames: impl Iterator<Item = (GatewayId, Frame)>) {
        let client = self.lock();
        let Some(client) = client.as_ref() else {
            return;
        };
        for (gateway, frame) in frames {
            let topic = gateway.topic(Channel::Down);
            let _ = client.try_publish(topic, QoS::AtLeastOnce, false, frame.encode());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<AsyncClient>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
