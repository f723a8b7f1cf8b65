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

use crate::limits::{TLS_TIMEOUT, WRITE_STALLED_MAX};

/// The newest certificate and key of a port that speaks TLS.
pub type Certificates = watch::Receiver<Arc<ServerConfig>>;

/// A connection that is closed if the peer does not read for [`WRITE_STALLED_MAX`].
type Timed = Pin<Box<TimeoutStream<TcpStream>>>;

#[derive(Debug)]
pub enum Stream {
    Plain(Timed),
    Tls(Box<TlsStream<Timed>>),
}

fn timed(stream: TcpStream) -> Timed {
    // Answers are small, and a client waits for them, so none is held back to fill a packet.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_STALLED_MAX));
    Box::pin(stream)
}

impl Stream {
    /// Accepts a connection from a client, over TLS if there is a certificate.
    ///
    /// # Errors
    /// If the TLS handshake fails or takes too long.
    pub async fn accept(stream: TcpStream, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        let stream = timed(stream);
        let Some(config) = tls else { return Ok(Self::Plain(stream)) };
        let agreed = timeout(TLS_TIMEOUT, TlsAcceptor::from(config).accept(stream)).await??;
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
        let stream = timed(stream);
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
        let _ = SockRef::from(timed.as_ref().get_ref().get_ref()).set_send_buffer_size(bytes);
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
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
