//! The report of refused demand.

use rumqttc::{AsyncClient, ClientError};

use super::HubLink;
use crate::protocol::wire::Wire;

impl HubLink {
    /// Sends the next frame of refused demand, if it is time.
    pub(super) fn report_demand(&mut self, client: &AsyncClient) -> Result<(), ClientError> {
        let (now_ms, is_online) = (self.now_ms(), self.uplink.is_online());
        let frame = (self.state.origin.epoch, self.uplink.window().frame_bytes(now_ms));
        let mut demand = self.state.demand();
        // While nobody changes the counts: they may have the decimals of a newer catalogue.
        if self.waits_with_demand() {
            return Ok(());
        }
        let next = self.demand.poll(is_online, &mut demand, frame, now_ms);
        drop(demand);
        next.map_or(Ok(()), |frame| self.send(client, frame.encode(Wire::UP)))
    }

    pub(super) fn demand_deadline_ms(&self) -> Option<u64> {
        let deadline_ms = self.demand.deadline_ms(&self.state.demand());
        deadline_ms.filter(|_| !self.waits_with_demand())
    }

    /// Whether the hub has to learn first which catalogue is taken: it counts units in its decimals.
    fn waits_with_demand(&self) -> bool {
        self.uplink.is_online() && !self.uplink.has_reported(self.state.catalogue())
    }
}
