//! Calls on one connection, frame by frame, where a client library would hide what happens.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use prost::Message;
use tokio::net::TcpSocket;

/// The path of a method of the service.
pub(super) fn method(name: &str) -> String {
    format!("/stockgate.v1.InventoryService/{name}")
}

/// A message as it is sent.
pub(super) fn framed(message: &impl Message) -> Vec<u8> {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap();
    [&[0], &length.to_be_bytes()[..], &message].concat()
}

#[derive(Clone)]
pub(super) struct Connection {
    sender: SendRequest<Bytes>,
    port: u16,
    token: Option<String>,
}

impl Connection {
    /// A connection from an address of this machine; `None` if it is closed before it can be used.
    pub(super) async fn open(from: [u8; 4], port: u16) -> Option<Self> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((from, 0))).unwrap();
        let stream = socket.connect(SocketAddr::from(([127, 0, 0, 1], port))).await.ok()?;
        let (sender, connection) = h2::client::handshake(stream).await.ok()?;
        tokio::spawn(connection);
        Some(Self { sender, port, token: None })
    }

    pub(super) fn with_token(self, token: &str) -> Self {
        Self { token: Some(token.into()), ..self }
    }

    /// Begins a call; its message is to be sent. `None` if the connection is closed.
    pub(super) async fn begin(&self, path: &str) -> Option<(ResponseFuture, SendStream<Bytes>)> {
        let mut sender = self.sender.clone().ready().await.ok()?;
        let request = http::Request::post(format!("http://127.0.0.1:{}{path}", self.port))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        let token = self.token.iter().map(|token| format!("Bearer {token}"));
        let request = token.fold(request, |head, token| head.header("authorization", token));
        sender.send_request(request.body(()).unwrap(), false).ok()
    }

    /// The status of a call with a message; `None` if the connection is closed.
    pub(super) async fn call(&self, path: &str, message: &impl Message) -> Option<String> {
        let (answer, mut body) = self.begin(path).await?;
        body.send_data(framed(message).into(), true).ok()?;
        status(answer).await
    }
}

/// The status of a call; `None` if the connection is closed.
pub(super) async fn status(answer: ResponseFuture) -> Option<String> {
    let (head, body) = answer.await.ok()?.into_parts();
    if let Some(status) = head.headers.get("grpc-status") {
        return Some(status.to_str().unwrap().to_owned());
    }
    rest(body).await
}

/// Reads the rest of an answer; returns the status at its end.
pub(super) async fn rest(mut body: RecvStream) -> Option<String> {
    while let Some(data) = body.data().await {
        let bytes = data.ok()?.len();
        let _ = body.flow_control().release_capacity(bytes);
    }
    let trailers = body.trailers().await.ok()??;
    Some(trailers["grpc-status"].to_str().unwrap().to_owned())
}
