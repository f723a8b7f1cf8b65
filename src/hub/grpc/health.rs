//! Health checking by the standard protocol: the service serves as long as `/readyz` says ready.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::health_reporter;

use super::proto::inventory_service_server::SERVICE_NAME;
use crate::hub::api::HubApi;
use crate::limits::GRPC_PUBLIC_REQUEST_BYTES_MAX;
use crate::process::stop::Stop;

/// How often the state is read.
const EVERY: Duration = Duration::from_secs(1);
/// The name that stands for the server as a whole.
const SERVER: &str = "";

/// The service, and what keeps its state up to date until a stop is requested.
pub(super) fn service(
    api: HubApi,
    mut stop: Stop,
) -> (HealthServer<impl Health>, impl Future<Output = ()>) {
    let (reporter, service) = health_reporter();
    let service = service.max_decoding_message_size(GRPC_PUBLIC_REQUEST_BYTES_MAX);
    let reporting = async move {
        let mut rounds = interval(EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let goes_on = tokio::select! {
                _ = rounds.tick() => true,
                () = stop.requested() => false,
            };
            let is_serving = goes_on && api.readiness().is_ok();
            let state = if is_serving { ServingStatus::Serving } else { ServingStatus::NotServing };
            for name in [SERVER, SERVICE_NAME] {
                reporter.set_service_status(name, state).await;
            }
            if !goes_on {
                return;
            }
        }
    };
    (service, reporting)
}
