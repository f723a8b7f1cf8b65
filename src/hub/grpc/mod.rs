//! The hub's gRPC interface: orders from the centre, as over HTTP.
//!
//! It reads its requests into the values that HTTP's become, has the same code decide them, and
//! writes the same outcomes. What it needs itself is here: messages, status codes, deadlines, the
//! watch, health checking and reflection. proto/stockgate/v1/inventory.proto describes it.

mod answers;
mod deadline;
mod health;
mod proto;
mod requests;
mod service;
mod status;
mod watch;

use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::codegen::Service as _;
use tonic::service::Routes;

use self::deadline::{Deadline, deadline_exceeded, time_left};
use self::proto::inventory_service_server::InventoryServiceServer;
use self::service::Inventory;
use self::status::{explained, status};
use super::api::HubApi;
use crate::limits::{BODY_BYTES_MAX, GRPC_CALL_MAX, GRPC_PUBLIC_REQUEST_BYTES_MAX};
use crate::net::http::{CountedBody, PortAccess, serve_http2};
use crate::net::stream::Certificates;
use crate::problem::{Code, Problem};
use crate::process::stop::Stop;

/// Serves calls until a stop is requested.
pub(super) async fn serve(
    listener: TcpListener,
    api: HubApi,
    access: PortAccess,
    certificates: Option<Certificates>,
    stop: Stop,
) {
    let (health, reporting) = health::service(api.clone(), stop.clone());
    let counting = api.clone();
    let service = Inventory::new(api, access, stop.clone());
    let service = InventoryServiceServer::new(service).max_decoding_message_size(BODY_BYTES_MAX);
    let routes = proto::with_reflection(Routes::new(service).add_service(health)).prepare();
    let handler = move |request| answer(routes.clone(), counting.clone(), request);
    tokio::join!(serve_http2(listener, certificates, stop, handler), reporting);
}

/// The bytes that are kept of the messages of a call: the longest one, and the head of the next.
fn kept_max(path: &str) -> usize {
    const HEAD_BYTES: usize = 5;
    let needs_no_token = path.starts_with("/grpc.");
    HEAD_BYTES + if needs_no_token { GRPC_PUBLIC_REQUEST_BYTES_MAX } else { BODY_BYTES_MAX }
}

/// Answers a call within the time that its client has for it. A stream only begins within that time,
/// and ends by itself.
async fn answer(
    mut routes: Routes,
    api: HubApi,
    mut request: Request<CountedBody>,
) -> Response<Body> {
    let given = time_left(request.headers());
    let limit = given.map_or(GRPC_CALL_MAX, |given: Duration| given.min(GRPC_CALL_MAX));
    request.extensions_mut().insert(Deadline::after(given));
    let refusals = api.clone();
    let kept_max = kept_max(request.uri().path());
    let request = request.map(|body| {
        body.counting_at_most(kept_max).map_err(move |error| {
            let problem = Problem::from(error);
            if problem.code == Code::Overloaded {
                refusals.count_refusal(problem.code);
            }
            status(&problem)
        })
    });
    match tokio::time::timeout(limit, routes.call(request)).await {
        Ok(Ok(response)) => explained(response, |code| api.count_refusal(code)),
        Ok(Err(never)) => match never {},
        Err(_) => deadline_exceeded().into_http(),
    }
}
