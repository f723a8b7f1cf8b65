//! The least that a durable answer costs: some bytes appended to a file, one `fdatasync`, and one
//! message each way.

use std::cell::Cell;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::load::batches;
use crate::load::client::Load;
use crate::load::figures::Figures;
use crate::load::gateway::temp_dir;
use crate::load::protocol::{Message, Protocol};
use crate::load::requests::{Ids, Request, Requests};
use crate::load::zipf::Zipf;

/// As long as the gateway's messages.
const ASKED: usize = 117;
const ANSWERED: usize = 203;

/// A thread that appends, syncs and echoes.
pub(crate) struct Bare {
    port: u16,
    /// The bytes that the gateway writes for a request.
    measured: Rc<Cell<usize>>,
    appended: Arc<AtomicUsize>,
}

impl Bare {
    /// Starts it; it appends as many bytes as were measured for the gateway before.
    pub(crate) fn start(measured: Rc<Cell<usize>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let appended = Arc::new(AtomicUsize::new(0));
        let bytes = Arc::clone(&appended);
        thread::spawn(move || {
            for socket in listener.incoming() {
                echo(socket.unwrap(), bytes.load(Ordering::Relaxed));
            }
        });
        Self { port, measured, appended }
    }

    /// Sends it requests.
    pub(crate) fn run(&self, load: &Load) -> Figures {
        self.appended.store(self.measured.get().max(1), Ordering::Relaxed);
        let figures = load.run(self.port, &Echo, || 0);
        Figures { bytes: self.measured.get() as f64, ..figures }
    }
}

fn echo(mut socket: TcpStream, bytes: usize) {
    socket.set_nodelay(true).unwrap();
    let dir = temp_dir();
    let mut file = File::create(dir.path().join("log")).unwrap();
    let (mut asked, answer, appended) = ([0; ASKED], [0; ANSWERED], vec![1; bytes]);
    while socket.read_exact(&mut asked).is_ok() {
        file.write_all(&appended).unwrap();
        file.sync_data().unwrap();
        socket.write_all(&answer).unwrap();
    }
}

/// One page appended and synced, repeatedly: the limit of the disk.
pub(crate) fn fdatasync(time: Duration) -> impl FnMut() -> Figures {
    let skus = Arc::new(Zipf::new(1));
    move || {
        let dir = temp_dir();
        let mut file = File::create(dir.path().join("log")).unwrap();
        batches::run(Requests::new(&skus, Ids::Uuid), 1, time, |_| {
            file.write_all(&[1; 4_096]).unwrap();
            file.sync_data().unwrap();
        })
    }
}

#[derive(Clone, Copy)]
struct Echo;

impl Protocol for Echo {
    async fn greet(&self, _: &mut tokio::net::TcpStream) {}

    fn ask(&self, _: &Request, out: &mut Vec<u8>) {
        out.extend([0; ASKED]);
    }

    fn message(&self, arrived: &[u8]) -> Option<Message> {
        (arrived.len() >= ANSWERED).then_some(Message { bytes: ANSWERED, answers: true })
    }
}
