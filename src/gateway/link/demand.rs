//! The report of refused demand.

use rumqttc::{AsyncClient, ClientError};

use super::HubLink;
use crate::protocol::wire::Wire;

impl HubLink {
    /// Sends the next frame of refused demand, if it is time.
    pub(super) fn report_demand(&mut self, client: &AsyncClient) -> Result<(), ClientError> {
        let (now_ms, is_online) = (self.now_ms(), self.uplink.is_online());
        let frame = (self.state.origin.epoch, self.uplink.window().frame_bytes(now_ms));
        let next = self.demand.poll(is_online, &mut self.state.demand(), frame, now_ms);
        next.map_or(Ok(()), |frame| self.send(client, frame.encode(Wire::UP)))
    }

    pub(super) fn demand_deadline_ms(&self) -> Option<u64> {
        self.demand.deadline_ms(&self.state.demand())
    }
}
