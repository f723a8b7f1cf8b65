//! An MQTT broker in this process, for the demo only: in memory, on loopback.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Context as _;
use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};

/// Starts a broker; it ends with the process.
///
/// # Errors
/// If there is no free port or thread.
pub(super) fn start() -> anyhow::Result<SocketAddr> {
    let listen = free_address()?;
    let mut broker = Broker::new(config(listen));
    std::thread::Builder::new().name("broker".into()).spawn(move || {
        if let Err(error) = broker.start() {
            tracing::error!(%error, "the demo's broker ended");
        }
    })?;
    Ok(listen)
}

/// The broker takes a port number only, so a free one is looked up just before.
fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?)
}

fn config(listen: SocketAddr) -> Config {
    let connections = ConnectionSettings {
        connection_timeout_ms: 5_000,
        max_payload_size: 256 * 1024,
        max_inflight_count: 100,
        auth: None,
        external_auth: None,
        dynamic_filters: false,
    };
    let server = ServerSettings {
        name: "demo".into(),
        listen,
        tls: None,
        next_connection_delay_ms: 1,
        connections,
    };
    let router = RouterConfig {
        max_connections: 16,
        max_outgoing_packet_count: 200,
        max_segment_size: 1024 * 1024,
        max_segment_count: 10,
        ..RouterConfig::default()
    };
    Config { router, v4: Some(HashMap::from([("1".into(), server)])), ..Config::default() }
}
