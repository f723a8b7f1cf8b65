//! A cable that can be unplugged: a TCP relay between the gateway and the broker.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Plugs and unplugs the relay. Dropping it unplugs it for good.
#[derive(Debug)]
pub(super) struct Cable {
    /// The address to connect to.
    pub(super) address: SocketAddr,
    plugged: watch::Sender<bool>,
    /// Whether a person has taken over.
    in_hand: AtomicBool,
}

impl Cable {
    /// Starts a relay to an address, plugged in.
    pub(super) async fn to(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free port")?;
        let address = listener.local_addr()?;
        let (plugged, receiver) = watch::channel(true);
        tokio::spawn(relay(listener, target, receiver));
        Ok(Self { address, plugged, in_hand: AtomicBool::new(false) })
    }

    pub(super) fn plug(&self, plugged: bool) {
        self.plugged.send_replace(plugged);
    }

    /// A person plugs or unplugs it; from then on nobody else does.
    pub(super) fn take_in_hand(&self, plugged: bool) {
        self.in_hand.store(true, Ordering::Relaxed);
        self.plug(plugged);
    }

    pub(super) fn is_in_hand(&self) -> bool {
        self.in_hand.load(Ordering::Relaxed)
    }

    pub(super) fn is_plugged(&self) -> bool {
        *self.plugged.borrow()
    }
}

async fn relay(listener: TcpListener, target: SocketAddr, plugged: watch::Receiver<bool>) {
    while let Ok((near, _)) = listener.accept().await {
        if plugged.has_changed().is_err() {
            return;
        }
        tokio::spawn(connect(near, target, plugged.clone()));
    }
}

async fn connect(mut near: TcpStream, target: SocketAddr, mut plugged: watch::Receiver<bool>) {
    if !*plugged.borrow() {
        return;
    }
    let Ok(mut far) = TcpStream::connect(target).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = plugged.wait_for(|plugged| !plugged) => {}
    }
}
