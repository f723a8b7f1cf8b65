//! A gateway of any version, filled over its own port.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::client::Load;
use super::gateway::Gateway;
use super::requests::{Ids, sku_name};
use super::websocket::WebSocket;
use super::zipf::Zipf;

const SKUS_OF_A_REQUEST: usize = 500;
const STOCK: u64 = 1_000_000_000;
/// How long requests are sent before they are counted.
const TIME: Duration = Duration::from_secs(2);

/// A new gateway of this file with stock of all SKUs, after at least so many decided requests.
pub fn filled(program: &Path, skus: &Arc<Zipf>, count: usize, requests: u64) -> Gateway {
    let gateway = Gateway::empty(program);
    for first in (0..count).step_by(SKUS_OF_A_REQUEST) {
        restock(gateway.served.port, first..(first + SKUS_OF_A_REQUEST).min(count));
    }
    let skus = Arc::clone(skus);
    let load = Load { clients: 50, depth: 32, time: TIME, ids: Ids::Uuid, skus };
    let mut decided = 0;
    while decided < requests {
        decided += (gateway.run(&load, &WebSocket).per_second * TIME.as_secs_f64()) as u64;
    }
    gateway
}

fn restock(port: u16, skus: std::ops::Range<usize>) {
    let first = skus.start;
    let line = |n| format!("{{\"sku\":\"{}\",\"quantity\":{STOCK}}}", sku_name(n));
    let lines: Vec<String> = skus.map(line).collect();
    let body = format!("{{\"request_id\":\"in-{first}\",\"lines\":[{}]}}", lines.join(","));
    let head = format!(
        "POST /api/stock/restock HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let answer = exchange(port, &format!("{head}{body}")).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Whether a gateway says that it is ready.
pub fn is_ready(port: u16) -> bool {
    let request =
        format!("GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    exchange(port, &request).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

fn exchange(port: u16, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
