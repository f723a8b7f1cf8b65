//! A socket that tells what arrives over TLS and is not plaintext yet: rustls holds up to 64 KiB of a
//! message of the handshake that is not complete, and 18 KB of a record.

use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Counts what a client sends over TLS until it is plaintext.
pub trait TlsGauge: Debug + Send + Sync {
    /// Counts bytes that were received.
    ///
    /// # Errors
    /// If there is no room for them: the connection ends.
    fn received(&self, bytes: usize) -> io::Result<()>;

    /// What was received is complete: it is answered, or has been read as plaintext.
    fn complete(&self);
}

/// A socket, with a gauge if it speaks TLS.
#[derive(Debug)]
pub struct GaugedSocket {
    pub(super) socket: TcpStream,
    pub(super) gauge: Option<Box<dyn TlsGauge>>,
    /// Whether TLS is agreed on. Until then, an answer shows that a message is complete.
    pub(super) is_agreed: bool,
}

impl AsyncRead for GaugedSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
        let received = buffer.filled().len() - before;
        Poll::Ready(self.gauge.as_ref().map_or(Ok(()), |gauge| gauge.received(received)))
    }
}

impl AsyncWrite for GaugedSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.answer();
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.answer();
        Pin::new(&mut self.socket).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

impl GaugedSocket {
    fn answer(&self) {
        if !self.is_agreed {
            self.complete();
        }
    }

    /// Nothing of what was received is unfinished.
    pub(super) fn complete(&self) {
        if let Some(gauge) = &self.gauge {
            gauge.complete();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use rustls::ServerConfig;
    use rustls::crypto::ring::default_provider;
    use rustls::server::{ClientHello, ResolvesServerCert};
    use rustls::sign::CertifiedKey;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;
    use crate::net::stream::Stream;

    const ROOM: usize = 20_000;

    #[derive(Debug, Default)]
    struct Room(AtomicUsize);

    impl TlsGauge for Arc<Room> {
        fn received(&self, bytes: usize) -> io::Result<()> {
            let taken = self.0.fetch_add(bytes, Ordering::Relaxed) + bytes;
            if taken > ROOM { Err(io::Error::other("no room")) } else { Ok(()) }
        }

        fn complete(&self) {
            self.0.store(0, Ordering::Relaxed);
        }
    }

    /// It is not reached: the first message never ends.
    #[derive(Debug)]
    struct NoCertificate;

    impl ResolvesServerCert for NoCertificate {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            None
        }
    }

    #[test]
    fn a_handshake_that_does_not_end_is_counted_and_ends_where_there_is_no_room() {
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(NoCertificate));
        // A message of 61,440 bytes in records of 15,000, without its end.
        let mut message = vec![0; 60_000];
        message[..4].copy_from_slice(&[1, 0, 0xf0, 0]);
        let records = message.chunks(15_000);
        let hello: Vec<u8> =
            records.flat_map(|part| [&[22, 3, 1, 0x3a, 0x98][..], part].concat()).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (socket, _) = listener.accept().await.unwrap();
            let room = Arc::<Room>::default();
            let gauge = Box::new(Arc::clone(&room));
            let accepting = Stream::accept(socket, Some(Arc::new(config)), Some(gauge));
            let (accepted, _) = tokio::join!(
                timeout(Duration::from_secs(5), accepting),
                timeout(Duration::from_secs(5), client.write_all(&hello)),
            );
            let error = accepted.expect("it ends at once").unwrap_err();
            assert_eq!(error.to_string(), "no room");
            let taken = room.0.load(Ordering::Relaxed);
            assert!(taken <= ROOM + 4_096, "{taken} bytes were read");
        });
    }
}
