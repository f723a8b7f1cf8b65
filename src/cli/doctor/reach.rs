//! The doctor's checks of what this machine can reach: the gateway, the broker, the hub.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::probe::{probe, subscriptions};
use super::report::{Check, Report};
use crate::cli::{GatewayArguments, certificate_line};
use crate::clock::wall_ms;
use crate::config::{GatewayConfig, MqttConfig};
use crate::net::mqtt::{Broker, BrokerEvent, LinkFailure, RAISE_THE_LIMIT};
use crate::protocol::topic::GatewayId;

/// The time limit for each of them but the broker.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than a connection takes to fail by itself, with the reason.
const BROKER_PATIENCE: Duration = Duration::from_secs(35);
const PAGE_BYTES_MAX: u64 = 4 << 20;

/// The reason why the gateway's status is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// It does not run, or does not answer.
    Down,
    /// It speaks TLS, so its status cannot be read without the name in its certificate.
    Tls,
}

/// The hint for a gateway with TLS.
const ASK_UNDER_ITS_NAME: &str = "stockgate status --url https://NAME:PORT, with a name that its certificate has, gives its state";

/// Reads the gateway's status, if it runs. With TLS, an accepted connection must do: which of this
/// machine's names the certificate has is not known.
pub(super) async fn gateway(report: &mut Report, config: &GatewayConfig) -> Result<Value, Silence> {
    let address = own_address(config.terminals.listen);
    if config.terminals.tls.is_some()
        && timeout(PATIENCE, TcpStream::connect(address)).await.is_ok_and(|to| to.is_ok())
    {
        let message = format!(
            "the gateway at {address} takes connections; it speaks TLS and cannot be asked for more from here"
        );
        report.note(Check::Gateway, message, ASK_UNDER_ITS_NAME);
        return Err(Silence::Tls);
    }
    match timeout(PATIENCE, status(config)).await {
        Ok(Ok(status)) => {
            match status["problem"].as_str() {
                Some(problem) => report.wrong(
                    Check::Gateway,
                    format!("the gateway at {address} refuses mutations: {problem}"),
                    "fix that; the gateway then continues by itself",
                ),
                None => {
                    report.ok(Check::Gateway, format!("the gateway at {address} accepts mutations"))
                }
            }
            Ok(status)
        }
        Ok(Err(error)) if !error.is::<Elapsed>() => {
            let next =
                "systemctl start stockgate; journalctl -u stockgate says why it does not run";
            report.skipped(Check::Gateway, format!("{error:#}"), next);
            Err(Silence::Down)
        }
        Ok(Err(_)) | Err(_) => {
            let next = "journalctl -u stockgate; systemctl restart stockgate if it hangs";
            report.wrong(Check::Gateway, format!("the gateway at {address} does not answer"), next);
            Err(Silence::Down)
        }
    }
}

async fn status(config: &GatewayConfig) -> anyhow::Result<Value> {
    let url = format!("http://{}", own_address(config.terminals.listen));
    let mut client = GatewayArguments { url, token_file: None, ca_file: None }.connect().await?;
    if let Some(token) = config.terminals.tokens.first() {
        client.call(json!({"op": "auth", "token": token.secret})).await?;
    }
    client.call(json!({"op": "status"})).await
}

/// Reads the gateway's metrics.
pub(super) async fn metrics(config: &GatewayConfig) -> anyhow::Result<String> {
    ensure!(
        config.terminals.tls.is_none(),
        "the gateway speaks TLS; fetch /metrics under its name"
    );
    let address = own_address(config.terminals.listen);
    let token = config.terminals.tokens.first().map(|token| token.secret.as_str());
    get(address, "/metrics", token.unwrap_or_default()).await.map(|(_, page)| page)
}

/// Asks a program on this machine for a path; returns status and body.
pub(in crate::cli) async fn get(
    address: SocketAddr,
    path: &str,
    token: &str,
) -> anyhow::Result<(u16, String)> {
    let fetch = async {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(PAGE_BYTES_MAX).read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok((status.context("the answer is not HTTP")?, body.to_owned()))
    };
    timeout(PATIENCE, fetch).await?
}

/// The address at which a program that listens on all addresses is queried.
pub(in crate::cli) fn own_address(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V4(_) | IpAddr::V6(_) => listen.ip(),
    };
    SocketAddr::new(ip, listen.port())
}

/// Connects to the broker once, with a client id of its own: the program's connection stays. `filters`
/// are what the program subscribes to.
pub(in crate::cli) async fn broker(
    report: &mut Report,
    mqtt: &MqttConfig,
    filters: &[String],
    gateway: Option<&GatewayId>,
) {
    let id = format!("doctor-{:08x}", fastrand::u32(..));
    let broker = Broker::new(&mqtt.broker_settings(), &id, None);
    let mut connection = broker.connect();
    match timeout(BROKER_PATIENCE, connection.events.recv()).await {
        Ok(Some(BrokerEvent::Connected)) => {
            let how = if mqtt.url.tls { ", over TLS" } else { "" };
            report.ok(Check::Broker, format!("the broker {} accepts us{how}", broker.name));
            subscriptions(report, &broker, &mut connection, filters).await;
            if let Some(gateway) = gateway {
                probe(report, &mut connection, &gateway.probe_topic()).await;
            }
            let _ = connection.client.try_disconnect();
        }
        Ok(Some(BrokerEvent::Lost(error))) => {
            report.wrong(Check::Broker, error.to_string(), error.next_step());
        }
        Ok(
            Some(BrokerEvent::Received { .. } | BrokerEvent::Subscribed | BrokerEvent::Denied(_))
            | None,
        )
        | Err(_) => {
            let error = broker.error(LinkFailure::Silent);
            report.wrong(Check::Broker, error.to_string(), error.next_step());
        }
    }
}

/// Reports when our own certificate ends.
pub(in crate::cli) fn certificate(report: &mut Report, mqtt: &MqttConfig) {
    const RENEW: &str = "renew the files of mqtt.cert_file and mqtt.key_file, then reload (systemctl reload stockgate, or stockgate-hub)";
    let Some(dates) = mqtt.certificate else { return };
    let (line, now_ms) = (certificate_line(dates), wall_ms());
    if now_ms > dates.end_ms {
        report.wrong(Check::Certificate, line, RENEW);
    } else if dates.ends_soon(now_ms) {
        report.note(Check::Certificate, line, RENEW);
    } else {
        report.ok(Check::Certificate, line);
    }
}

/// Reports what the gateway knows of the hub. The hub is not asked from here: a second greeting for
/// one database would confuse it.
pub(super) fn hub(report: &mut Report, status: &Result<Value, Silence>) {
    let sync = match status {
        Ok(status) => &status["sync"],
        Err(silence) => {
            let (why, next) = match silence {
                Silence::Down => ("does not run", "start it, then run this again"),
                Silence::Tls => ("cannot be asked from here", ASK_UNDER_ITS_NAME),
            };
            let message = format!("the hub answers the gateway only, which {why}");
            return report.skipped(Check::Hub, message, next);
        }
    };
    let (acked_seq, pending) = (&sync["acked_seq"], &sync["pending"]);
    if sync["state"] == "online" {
        let message = format!("the hub answers; confirmed up to {acked_seq}, {pending} on the way");
        match sync["reason"].as_str() {
            Some(reason) if reason.contains("size limit") => {
                report.note(Check::Hub, format!("{message}; {reason}"), RAISE_THE_LIMIT);
            }
            Some(reason) => {
                report.wrong(Check::Hub, format!("{message}; {reason}"), hub_step(reason))
            }
            None => report.ok(Check::Hub, message),
        }
        return;
    }
    let reason = sync["reason"].as_str().unwrap_or("no reason is known");
    let message = format!("the hub link is offline: {reason}; {pending} entries wait");
    report.wrong(Check::Hub, message, hub_step(reason));
}

fn hub_step(reason: &str) -> &'static str {
    if reason.starts_with("another hub") {
        "stop the other hub or give it a broker of its own; mqtt.books names the books that this gateway belongs to"
    } else if reason.starts_with("the hub holds") {
        "at the hub, see how its books came to be older, then POST /api/books/recover"
    } else if reason.starts_with("the hub refuses") {
        "GET /api/gateways at the hub says more; if nobody has changed this database, POST /api/gateways/{site}/{gateway}/reopen there, else restore it"
    } else if reason.contains("the hub's catalogue gives it") {
        "stockgate count SKU 0 here, and book the goods under another SKU; or give the gateway a new database"
    } else if reason.contains("the hub does not") {
        "look at the hub: systemctl status stockgate-hub, whether its mqtt.url is the same broker, and whether the broker lets both publish"
    } else {
        "fix the problem reported for the broker; the gateway keeps working without the hub"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_that_listens_on_all_addresses_is_queried_on_loopback() {
        let of = |listen: &str| own_address(listen.parse().unwrap()).to_string();
        assert_eq!(of("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(of("[::]:8080"), "[::1]:8080");
        assert_eq!(of("10.0.0.7:80"), "10.0.0.7:80");
    }
}
