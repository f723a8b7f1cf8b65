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

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Bytes};
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
use crate::net::access::Principal;
use crate::net::http::{ConnectionPermit, CountedBody, PortAccess, serve_http2};
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
    let service = Inventory::new(api.clone(), access.clone(), stop.clone());
    let service = InventoryServiceServer::new(service).max_decoding_message_size(BODY_BYTES_MAX);
    let routes = proto::with_reflection(Routes::new(service).add_service(health)).prepare();
    let calls = Calls { routes, api, access };
    let handler = move |request| calls.clone().answer(request);
    tokio::join!(serve_http2(listener, certificates, stop, handler), reporting);
}

/// Whether a call tells what is public: the health, or the description of the service.
fn is_public(path: &str) -> bool {
    path.starts_with("/grpc.")
}

/// The bytes that are kept of the messages of a call: the longest one, and the head of the next.
fn kept_max(path: &str) -> usize {
    const HEAD_BYTES: usize = 5;
    HEAD_BYTES + if is_public(path) { GRPC_PUBLIC_REQUEST_BYTES_MAX } else { BODY_BYTES_MAX }
}

/// What answers calls; clones share it.
#[derive(Clone)]
struct Calls {
    routes: Routes,
    api: HubApi,
    access: PortAccess,
}

impl Calls {
    /// Answers a call. Who sends it is known from its head: nothing is kept of what anybody else sends,
    /// and what is kept counts as that of a client that was let in.
    async fn answer(self, mut request: Request<CountedBody>) -> Response<Body> {
        if !is_public(request.uri().path()) {
            match self.identify(&request) {
                Ok(principal) => drop(request.extensions_mut().insert(principal)),
                Err(problem) => {
                    self.api.count_refusal(problem.code);
                    return status(&problem).into_http();
                }
            }
        }
        self.answer_known(request).await
    }

    fn identify(&self, request: &Request<CountedBody>) -> Result<Arc<Principal>, Problem> {
        let permit = request.extensions().get::<ConnectionPermit>().expect("every call has one");
        self.access.identify(request.headers(), permit)
    }

    /// Answers a call within the time that its client has for it. A stream only begins within that
    /// time, and ends by itself.
    async fn answer_known(mut self, mut request: Request<CountedBody>) -> Response<Body> {
        let given = time_left(request.headers());
        let limit = given.map_or(GRPC_CALL_MAX, |given: Duration| given.min(GRPC_CALL_MAX));
        let deadline = Deadline::after(given);
        if let Err(status) = deadline.check() {
            return status.into_http();
        }
        request.extensions_mut().insert(deadline);
        let request = counted(request, self.api.clone());
        match tokio::time::timeout(limit, self.routes.call(request)).await {
            Ok(Ok(response)) => explained(response, |code| self.api.count_refusal(code)),
            Ok(Err(never)) => match never {},
            Err(_) => deadline_exceeded().into_http(),
        }
    }
}

/// A call whose messages count until they are decoded; the client is told if there is no room for them.
fn counted(
    request: Request<CountedBody>,
    api: HubApi,
) -> Request<impl HttpBody<Data = Bytes, Error = tonic::Status> + Send + 'static> {
    let kept_max = kept_max(request.uri().path());
    request.map(|body| {
        body.counting_at_most(kept_max).map_err(move |error| {
            let problem = Problem::from(error);
            if problem.code == Code::Overloaded {
                api.count_refusal(problem.code);
            }
            status(&problem)
        })
    })
}
