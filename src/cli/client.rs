//! A WebSocket client of a gateway, for the command line and the demo.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use futures_util::future::BoxFuture;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::figures;
use super::program::Usage;
use crate::config::{BRACKETS, client_tls, host_and_port, without_line_ends};
use crate::net::stream::Stream;

/// How long a gateway may take until it is connected to, the token included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The gateway to talk to, and the token to use.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct GatewayArguments {
    /// The gateway's address
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// A file that holds the token
    #[arg(long)]
    pub(crate) token_file: Option<PathBuf>,
    /// For https://: the certificate authorities to trust, as PEM; by default the system's
    #[arg(long)]
    pub(crate) ca_file: Option<PathBuf>,
}

/// An authenticated WebSocket connection to a gateway.
#[derive(Debug)]
pub(crate) struct Client {
    socket: WebSocketStream<Stream>,
    /// The origin that the gateway reported in its greeting.
    pub(crate) hello: Value,
    next_id: u64,
    has_token: bool,
    /// Events that arrived before the awaited answer.
    events: VecDeque<Value>,
}

impl GatewayArguments {
    /// The arguments for a gateway without tokens.
    #[cfg(feature = "demo")]
    pub(crate) fn at(address: std::net::SocketAddr) -> Self {
        Self { url: format!("http://{address}"), token_file: None, ca_file: None }
    }

    /// Connects and authenticates. The future is boxed, because many others hold it.
    ///
    /// # Errors
    /// Names the gateway and the reason.
    pub(crate) fn connect(&self) -> BoxFuture<'_, anyhow::Result<Client>> {
        Box::pin(async {
            let connecting = tokio::time::timeout(CONNECT_TIMEOUT, self.connect_in_time());
            connecting.await.with_context(|| {
                let seconds = CONNECT_TIMEOUT.as_secs();
                format!("no gateway has answered at {} within {seconds} s; is that its address, and does it run?", self.url)
            })?
        })
    }

    async fn connect_in_time(&self) -> anyhow::Result<Client> {
        let address =
            Address::parse(&self.url).map_err(|why| Usage(format!("--url {}: {why}", self.url)))?;
        let tls = self.tls(&address)?;
        let token = self.token_file.as_deref().map(read_token).transpose()?;
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await;
        let stream = stream.with_context(|| {
            format!("the gateway at {} cannot be reached; is it running?", self.url)
        })?;
        let stream = Stream::connect(stream, tls, &address.host).await;
        let stream = stream.with_context(|| format!("{}: TLS cannot be agreed on", self.url))?;
        let (socket, _) = tokio_tungstenite::client_async(address.request(), stream)
            .await
            .with_context(|| format!("{} does not speak the terminal protocol", self.url))?;
        let (hello, events, has_token) = (Value::Null, VecDeque::new(), token.is_some());
        let mut client = Client { socket, hello, next_id: 0, has_token, events };
        client.hello = client.receive().await?;
        ensure!(client.hello["event"] == "hello", "{} is not a stockgate gateway", self.url);
        if let Some((file, token)) = self.token_file.as_ref().zip(token) {
            let taken = client.call(json!({"op": "auth", "token": token})).await;
            taken.with_context(|| format!("the token in {}", file.display()))?;
        }
        Ok(client)
    }

    fn tls(&self, address: &Address) -> anyhow::Result<Option<Arc<rustls::ClientConfig>>> {
        if !address.is_tls {
            if self.ca_file.is_some() {
                let why = format!("--ca-file is for https://, --url is {}", self.url);
                return Err(Usage(why).into());
            }
            return Ok(None);
        }
        let tls = client_tls(self.ca_file.as_deref(), None);
        tls.map(Some).map_err(|(_, why)| Usage(format!("--ca-file: {why}")).into())
    }
}

fn read_token(file: &Path) -> Result<String, Usage> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Usage(format!("--token-file {}: {error}", file.display())))?;
    Ok(without_line_ends(&text).to_owned())
}

/// The futures are boxed, because many others hold them.
impl Client {
    /// Sends a request and waits for its result.
    ///
    /// # Errors
    /// The gateway's message if it refuses the request, or that the connection broke.
    pub(crate) fn call(&mut self, request: Value) -> BoxFuture<'_, anyhow::Result<Value>> {
        Box::pin(async move { self.ask(request).await?.map_err(|error| self.refusal(&error)) })
    }

    /// What a refusal says, and what to do if a token is missing.
    pub(crate) fn refusal(&self, error: &Value) -> anyhow::Error {
        let text = |key: &str| error[key].as_str().unwrap_or("?");
        let hint = match text("code") {
            "unauthorized" if !self.has_token => "; name the file of a token with --token-file",
            _ => "",
        };
        anyhow!("{} ({}){hint}", text("message"), text("code"))
    }

    /// Sends a request and waits for its result or its error.
    ///
    /// # Errors
    /// If the connection breaks.
    pub(crate) fn ask(
        &mut self,
        mut request: Value,
    ) -> BoxFuture<'_, anyhow::Result<Result<Value, Value>>> {
        Box::pin(async move {
            self.next_id += 1;
            let id = self.next_id;
            request["id"] = id.into();
            self.send(request.to_string()).await?;
            loop {
                let mut message = self.receive().await?;
                if message["id"] == id {
                    let ok = message["ok"] == true;
                    return Ok(if ok {
                        Ok(message["result"].take())
                    } else {
                        Err(message["error"].take())
                    });
                }
                self.events.push_back(message);
            }
        })
    }

    /// Sends requests at once, and returns the result or the error of each in the same order.
    ///
    /// # Errors
    /// If the connection breaks.
    pub(crate) fn ask_all(
        &mut self,
        requests: Vec<Value>,
    ) -> BoxFuture<'_, anyhow::Result<Vec<Result<Value, Value>>>> {
        Box::pin(async move {
            let first = self.next_id + 1;
            let mut answers = vec![Err(Value::Null); requests.len()];
            for mut request in requests {
                self.next_id += 1;
                request["id"] = self.next_id.into();
                self.feed(request.to_string()).await?;
            }
            self.flush().await?;
            let mut left = answers.len();
            while left > 0 {
                let mut message = self.receive().await?;
                let place = message["id"].as_u64().and_then(|id| id.checked_sub(first));
                let place = place.and_then(|place| usize::try_from(place).ok());
                let Some(answer) = place.and_then(|place| answers.get_mut(place)) else { continue };
                *answer = match message["ok"] == true {
                    true => Ok(message["result"].take()),
                    false => Err(message["error"].take()),
                };
                left -= 1;
            }
            Ok(answers)
        })
    }

    /// Waits for the next event.
    ///
    /// # Errors
    /// If the connection breaks.
    pub(crate) async fn event(&mut self) -> anyhow::Result<Value> {
        match self.events.pop_front() {
            Some(event) => Ok(event),
            None => self.receive().await,
        }
    }

    /// Buffers a message; [`Client::flush`] sends it.
    ///
    /// # Errors
    /// If the connection breaks.
    pub(crate) fn feed(&mut self, text: String) -> BoxFuture<'_, anyhow::Result<()>> {
        Box::pin(async move { Ok(self.socket.feed(Message::text(text)).await?) })
    }

    /// Sends the buffered messages.
    ///
    /// # Errors
    /// If the connection breaks.
    pub(crate) fn flush(&mut self) -> BoxFuture<'_, anyhow::Result<()>> {
        Box::pin(async move { Ok(self.socket.flush().await?) })
    }

    async fn send(&mut self, text: String) -> anyhow::Result<()> {
        self.feed(text).await?;
        self.flush().await
    }

    /// Waits for the next message of any kind.
    ///
    /// # Errors
    /// If the connection breaks.
    pub(crate) fn receive(&mut self) -> BoxFuture<'_, anyhow::Result<Value>> {
        Box::pin(async move {
            loop {
                let message =
                    self.socket.next().await.context("the gateway closed the connection")?;
                match message.context("the connection to the gateway was lost")? {
                    Message::Text(text) => return Ok(figures::read(&text)?),
                    Message::Close(Some(frame)) if !frame.reason.is_empty() => {
                        bail!("the gateway closed the connection: {}", frame.reason)
                    }
                    Message::Close(_) => bail!("the gateway closed the connection"),
                    Message::Binary(_)
                    | Message::Ping(_)
                    | Message::Pong(_)
                    | Message::Frame(_) => {}
                }
            }
        })
    }
}

/// The address of a gateway.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    is_tls: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
}

impl Address {
    /// Parses an address, with or without scheme and path.
    fn parse(url: &str) -> Result<Self, String> {
        let (is_tls, rest) = match url.split_once("://") {
            Some(("http" | "ws", rest)) => (false, rest),
            Some(("https" | "wss", rest)) => (true, rest),
            Some((scheme, _)) => {
                return Err(format!("{scheme}:// is not supported, use http:// or https://"));
            }
            None => (false, url),
        };
        let authority = rest.split('/').next().unwrap_or_default();
        let (host, port) = host_and_port(authority, if is_tls { 443 } else { 80 })
            .ok_or_else(|| format!("{authority:?} is not HOST or HOST:PORT; {BRACKETS}"))?;
        Ok(Self { is_tls, host: host.into(), port })
    }

    /// The URL of the WebSocket handshake.
    fn request(&self) -> String {
        let scheme = if self.is_tls { "wss" } else { "ws" };
        match self.host.contains(':') {
            true => format!("{scheme}://[{}]:{}/ws", self.host, self.port),
            false => format!("{scheme}://{}:{}/ws", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_be_written_in_several_ways() {
        let of = |url: &str| Address::parse(url).ok().map(|address| address.request());
        for url in ["http://h:1", "ws://h:1/ws", "h:1", "http://h:1/"] {
            assert_eq!(of(url).as_deref(), Some("ws://h:1/ws"), "{url}");
        }
        assert_eq!(of("http://h").as_deref(), Some("ws://h:80/ws"));
        assert_eq!(of("http://[::1]").as_deref(), Some("ws://[::1]:80/ws"));
        assert_eq!(of("https://h").as_deref(), Some("wss://h:443/ws"));
        assert_eq!(of("wss://[::1]:8443/ws").as_deref(), Some("wss://[::1]:8443/ws"));
        for wrong in ["ftp://h", "http:///x", "http://h:port", "http://h:1:1", "http://::1"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
