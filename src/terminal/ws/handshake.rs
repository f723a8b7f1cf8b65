//! The WebSocket handshake.

use std::pin::Pin;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use hyper::{HeaderMap, Request};
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::session::{Session, SessionClient};
use crate::net::http::{ConnectionPermit, HttpResponse};
use crate::problem::Problem;
use crate::terminal::context::TerminalContext;
use crate::terminal::wire::{WireFormat, postcard};

impl TerminalContext {
    /// Accepts a WebSocket handshake and starts the session.
    pub(in crate::terminal) fn upgrade(
        &self,
        mut request: Request<Incoming>,
        permit: &ConnectionPermit,
    ) -> Result<HttpResponse, Problem> {
        self.access.rules().check_origin(request.headers())?;
        let principal = self.access.principal_of(request.headers(), permit)?;
        let mut response = create_response_with_body(&request, Default::default)
            .map_err(|error| Problem::bad_request(format!("WebSocket handshake: {error}")))?;
        let format = wire_format(request.headers());
        if format == WireFormat::Postcard {
            let protocol = HeaderValue::from_static(postcard::PROTOCOL);
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        self.spawn_session(
            &mut request,
            SessionClient { principal, permit: permit.clone(), format },
        );
        Ok(response)
    }

    fn spawn_session(&self, request: &mut Request<Incoming>, client: SessionClient) {
        let upgrade = hyper::upgrade::on(request);
        let (context, permit) = (self.clone(), client.permit.clone());
        let session = async move {
            let metrics = Arc::clone(&context.metrics);
            let _counted = metrics.terminals.enter();
            match upgrade.await {
                Ok(upgraded) => Session::start(context, upgraded, client).await,
                Err(error) => tracing::debug!(%error, "a WebSocket handshake was broken off"),
            }
        };
        tokio::spawn(until_it_gives_way(Box::pin(session), permit));
    }
}

/// Runs a session until it ends, or its connection has to give way to another one. The session is
/// boxed, or this future would hold the memory for it twice.
async fn until_it_gives_way(session: Pin<Box<impl Future<Output = ()>>>, permit: ConnectionPermit) {
    tokio::select! { () = session => {}, () = permit.gives_way() => {} }
}

/// The wire format of a session: JSON unless the client offers the postcard subprotocol.
fn wire_format(headers: &HeaderMap) -> WireFormat {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    match offered.map(str::trim).any(|name| name == postcard::PROTOCOL) {
        true => WireFormat::Postcard,
        false => WireFormat::Json,
    }
}
