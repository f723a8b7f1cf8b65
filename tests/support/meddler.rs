//! A relay to a broker that meddles with what passes: it denies subscriptions that the broker has
//! granted, or drops large packets on their way to the broker or from it, which nobody answers then.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

const SUBSCRIBE: u8 = 0x82;
const SUBACK: u8 = 0x90;
const DENIED: u8 = 0x80;

pub struct Meddler {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    /// The end of the topic filters that are denied.
    ending: String,
    is_denying: AtomicBool,
    /// The bytes of the largest packet that passes to the broker, and from it.
    largest: [usize; 2],
}

impl Meddler {
    /// Denies subscriptions whose topic filter has this ending.
    pub fn denying(port: u16, ending: &str) -> Self {
        let is_denying = AtomicBool::new(true);
        Self::start(port, Shared { ending: ending.into(), is_denying, largest: [usize::MAX; 2] })
    }

    /// Drops packets to the broker that are larger.
    pub fn dropping(port: u16, largest: usize) -> Self {
        Self::letting_pass(port, [largest, usize::MAX])
    }

    /// Drops packets from the broker that are larger.
    pub fn dropping_on_the_way_down(port: u16, largest: usize) -> Self {
        Self::letting_pass(port, [usize::MAX, largest])
    }

    fn letting_pass(port: u16, largest: [usize; 2]) -> Self {
        let is_denying = AtomicBool::new(false);
        Self::start(port, Shared { ending: String::new(), is_denying, largest })
    }

    fn start(port: u16, shared: Shared) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let meddler =
            Self { port: listener.local_addr().unwrap().port(), shared: Arc::new(shared) };
        let shared = Arc::clone(&meddler.shared);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                relay(client, server, &shared);
            }
        });
        meddler
    }

    /// Denies nothing from now on.
    pub fn allow(&self) {
        self.shared.is_denying.store(false, Ordering::Relaxed);
    }

    /// The address for `mqtt.url`.
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }
}

fn relay(client: TcpStream, server: TcpStream, shared: &Arc<Shared>) {
    // The packet ids of subscriptions to deny.
    let denied = Arc::new(Mutex::new(Vec::new()));
    let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let (noted, ours) = (Arc::clone(&denied), Arc::clone(shared));
    let [up, down] = shared.largest;
    thread::spawn(move || {
        pass((from, to), up, |packet| {
            let (id, filter) = (packet.body[..2].to_vec(), &packet.body[4..packet.body.len() - 1]);
            if ours.is_denying.load(Ordering::Relaxed) && filter.ends_with(ours.ending.as_bytes()) {
                noted.lock().unwrap().push(id);
            }
        })
    });
    thread::spawn(move || {
        pass((server, client), down, |packet| {
            if denied.lock().unwrap().iter().any(|id| *id == packet.body[..2]) {
                packet.body[2] = DENIED;
            }
        })
    });
}

struct Packet {
    header: Vec<u8>,
    body: Vec<u8>,
}

/// Forwards packets until one end closes. Those about subscriptions are looked at.
fn pass((mut from, mut to): (TcpStream, TcpStream), largest: usize, look: impl Fn(&mut Packet)) {
    while let Ok(mut packet) = read(&mut from) {
        if packet.body.len() > largest {
            continue;
        }
        if [SUBSCRIBE, SUBACK].contains(&packet.header[0]) {
            look(&mut packet);
        }
        packet.header.append(&mut packet.body);
        if to.write_all(&packet.header).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

fn read(from: &mut TcpStream) -> std::io::Result<Packet> {
    let mut header = vec![0; 2];
    from.read_exact(&mut header)?;
    let mut length = usize::from(header[1] & 0x7f);
    let mut shift = 7;
    while header.last().is_some_and(|byte| byte & 0x80 > 0) {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        header.extend(byte);
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(Packet { header, body })
}
