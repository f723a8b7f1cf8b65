//! A relay to a server that is some way off: everything arrives later by a fixed time, in both
//! directions, and nothing is held up otherwise.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// The port of a relay to this port. It ends with the process.
pub(crate) fn delayed(port: u16, by: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let from = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", port)));
            let Ok(server) = server else { continue };
            relay(&client, &server, by);
            relay(&server, &client, by);
        }
    });
    from
}

fn relay(from: &TcpStream, to: &TcpStream, by: Duration) {
    let (mut from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    from.set_nodelay(true).unwrap();
    let (sender, arrived) = mpsc::sync_channel::<(Instant, Vec<u8>)>(1_024);
    thread::spawn(move || deliver(&arrived, to));
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if sender.send((Instant::now() + by, buffer[..length].to_vec())).is_err() {
                return;
            }
        }
    });
}

fn deliver(arrived: &Receiver<(Instant, Vec<u8>)>, mut to: TcpStream) {
    while let Ok((at, bytes)) = arrived.recv() {
        thread::sleep(at.saturating_duration_since(Instant::now()));
        if to.write_all(&bytes).is_err() {
            return;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
