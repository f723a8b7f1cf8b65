//! A connection, plain or over TLS, of a server or a client. Both are one type, so that the code
//! that uses it is compiled once.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::gauged_socket::{GaugedSocket, TlsGauge};
use crate::limits::{TLS_SEND_BYTES, TLS_TIMEOUT, WRITE_STALLED_MAX};

/// The newest certificate and key of a port that speaks TLS.
pub type Certificates = watch::Receiver<Arc<ServerConfig>>;

/// A connection that is closed if the peer does not read for [`WRITE_STALLED_MAX`].
type Timed = Pin<Box<TimeoutStream<GaugedSocket>>>;

#[derive(Debug)]
pub enum Stream {
    Plain(Timed),
    Tls(Box<TlsStream<Timed>>),
}

fn timed(socket: TcpStream, gauge: Option<Box<dyn TlsGauge>>) -> Timed {
    // Answers are small, and a client waits for them, so none is held back to fill a packet.
    let _ = socket.set_nodelay(true);
    let mut stream = TimeoutStream::new(GaugedSocket { socket, gauge, is_agreed: false });
    stream.set_write_timeout(Some(WRITE_STALLED_MAX));
    Box::pin(stream)
}

impl Stream {
    /// Accepts a connection from a client, over TLS if there is a certificate. The gauge counts what
    /// arrives over TLS until it is plaintext.
    ///
    /// # Errors
    /// If the TLS handshake fails or takes too long, or the gauge has no room.
    pub async fn accept(
        stream: TcpStream,
        tls: Option<Arc<ServerConfig>>,
        gauge: Option<Box<dyn TlsGauge>>,
    ) -> io::Result<Self> {
        let Some(config) = tls else { return Ok(Self::Plain(timed(stream, None))) };
        let accepting = TlsAcceptor::from(config).accept(timed(stream, gauge));
        let mut agreed = timeout(TLS_TIMEOUT, accepting).await??;
        let (socket, tls) = agreed.get_mut();
        tls.set_buffer_limit(Some(TLS_SEND_BYTES));
        let socket = socket.as_mut().get_pin_mut().get_mut();
        socket.is_agreed = true;
        socket.complete();
        Ok(Self::Tls(Box::new(agreed.into())))
    }

    /// Sets up a connection to a server, over TLS if there is a configuration for it. The caller
    /// limits the time.
    ///
    /// # Errors
    /// If the server's certificate is not valid for `host`, or the TLS handshake fails.
    pub async fn connect(
        stream: TcpStream,
        tls: Option<Arc<ClientConfig>>,
        host: &str,
    ) -> io::Result<Self> {
        let stream = timed(stream, None);
        let Some(config) = tls else { return Ok(Self::Plain(stream)) };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let connecting = TlsConnector::from(config).connect(name, stream);
        Ok(Self::Tls(Box::new(connecting.await?.into())))
    }
}

impl Stream {
    /// Sets the size of the kernel's send buffer. With enough room, what is written last arrives
    /// even if the peer does not read at the moment.
    pub fn set_send_buffer(&self, bytes: usize) {
        let timed = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        };
        // A failure leaves the size as it was.
        let _ =
            SockRef::from(&timed.as_ref().get_ref().get_ref().socket).set_send_buffer_size(bytes);
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = match self.get_mut() {
            Self::Plain(stream) => return Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => stream,
        };
        let before = buffer.filled().len();
        let polled = Pin::new(&mut *stream).poll_read(context, buffer);
        let (timed, tls) = stream.get_ref();
        // As long as there is plaintext that was not read, no more ciphertext is.
        if buffer.filled().len() > before && tls.wants_read() {
            timed.get_ref().complete();
        }
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, parts),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
