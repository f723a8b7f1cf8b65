//! Tries what the program needs of the broker: its subscriptions, how long a small message takes to
//! itself, and whether one of the size of a full frame arrives.

use std::time::{Duration, Instant};

use rumqttc::QoS;
use tokio::time::timeout;

use super::report::{Check, Report};
use crate::clock::instant;
use crate::limits::{FRAME_BYTES_MAX, SLOW_LINK_BYTES_PER_S};
use crate::net::mqtt::{Broker, BrokerConnection, BrokerEvent, LinkFailure, RAISE_THE_LIMIT};
use crate::sizes;

/// Time for a small message to come back, and for the broker to grant a subscription.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest time for a message of any size.
const PATIENCE_MAX: Duration = Duration::from_secs(60);
/// The first packets of a connection are acknowledged at once, so they show no delay.
const ROUNDS: usize = 24;
const ROUNDS_COUNTED: usize = 5;
/// A message that takes so much longer than a request to the broker itself was held back.
const HELD_BACK: Duration = Duration::from_millis(25);

/// Subscribes as the program itself does, and reports what the broker denies. What arrives meanwhile
/// is dropped: it is a copy.
pub(super) async fn subscriptions(
    report: &mut Report,
    broker: &Broker,
    connection: &mut BrokerConnection,
    filters: &[String],
) {
    for filter in filters {
        if let Err(failure) = subscribe(connection, filter).await {
            let error = broker.error(failure);
            return report.wrong(Check::Broker, error.to_string(), error.next_step());
        }
    }
    report.ok(Check::Broker, "the broker grants our subscriptions");
}

/// Subscribes to a topic filter and waits for the answer.
async fn subscribe(connection: &mut BrokerConnection, filter: &str) -> Result<(), LinkFailure> {
    let sent = connection.client.try_subscribe(filter, QoS::AtMostOnce);
    sent.map_err(|_| LinkFailure::Ended)?;
    let answered = async {
        loop {
            match connection.events.recv().await {
                Some(BrokerEvent::Subscribed) => return Ok(()),
                Some(BrokerEvent::Denied(filter)) => return Err(LinkFailure::Denied(filter)),
                Some(BrokerEvent::Lost(error)) => return Err(error.failure),
                Some(BrokerEvent::Connected | BrokerEvent::Received { .. }) => {}
                None => return Err(LinkFailure::Ended),
            }
        }
    };
    timeout(PATIENCE, answered).await.unwrap_or(Err(LinkFailure::Silent))
}

/// Probes a connection on a topic that nobody else uses.
pub(super) async fn probe(report: &mut Report, connection: &mut BrokerConnection, topic: &str) {
    let began = instant();
    let answered = subscribe(connection, topic).await;
    let plain = began.elapsed();
    if answered.is_err() {
        return unknown(report, topic);
    }
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        // The second one waits for the acknowledgement of the first, if the broker lets it wait.
        let pair = [format!("{round}-1").into_bytes(), format!("{round}-2").into_bytes()];
        let Some(time) = round_trip(connection, topic, &pair).await else {
            return unknown(report, topic);
        };
        times.push(time);
    }
    let mut counted = times.split_off(ROUNDS - ROUNDS_COUNTED);
    counted.sort();
    report_time(report, counted[ROUNDS_COUNTED / 2], plain);
    report_size(report, full_size(connection, topic).await);
}

/// Whether a message of the size of a full frame comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FullSize {
    Passes,
    /// A small one that was sent after it comes back, or the connection is closed.
    Dropped,
    /// Neither of them comes back in time.
    Late,
}

async fn full_size(connection: &mut BrokerConnection, topic: &str) -> FullSize {
    let (large, small) = (vec![b'x'; FRAME_BYTES_MAX], b"after".to_vec());
    for payload in [large.clone(), small.clone()] {
        if connection.client.try_publish(topic, QoS::AtMostOnce, false, payload).is_err() {
            return FullSize::Dropped;
        }
    }
    match timeout(patience(large.len()), returned(connection, &[large.clone(), small])).await {
        Ok(Some(payload)) if payload == large => FullSize::Passes,
        Ok(_) => FullSize::Dropped,
        Err(_) => FullSize::Late,
    }
}

/// Time for a message of this size to come back: on a slow link it is under way for seconds, twice.
fn patience(bytes: usize) -> Duration {
    let on_the_way = Duration::from_secs(2 * bytes as u64 / SLOW_LINK_BYTES_PER_S);
    (PATIENCE + on_the_way).min(PATIENCE_MAX)
}

fn report_size(report: &mut Report, full_size: FullSize) {
    let size = sizes::Bytes(FRAME_BYTES_MAX as u64);
    match full_size {
        FullSize::Passes => {
            report.ok(Check::Broker, format!("a message of {size} passes the broker"));
        }
        FullSize::Dropped => report.note(
            Check::Broker,
            format!(
                "a message of {size} does not get through, small ones do: a size limit of the broker or of a proxy"
            ),
            RAISE_THE_LIMIT,
        ),
        FullSize::Late => report.note(
            Check::Broker,
            format!(
                "a message of {size} has not come back within {} s: the link is slow or breaks",
                patience(FRAME_BYTES_MAX).as_secs()
            ),
            "look at the signal and the load of the link; what is sent takes as long",
        ),
    }
}

fn unknown(report: &mut Report, topic: &str) {
    let message =
        format!("no message comes back on {topic}: round trip and size limit are not known");
    let next = "allow the gateway's account to publish and subscribe there, for this check only";
    report.note(Check::Broker, message, next);
}

fn report_time(report: &mut Report, time: Duration, plain: Duration) {
    let ms = time.as_secs_f64() * 1_000.0;
    let message = format!("a message takes {ms:.1} ms through the broker and back");
    if time >= plain + HELD_BACK {
        let next = "in Mosquitto's configuration, set_tcp_nodelay true sends messages without waiting for more to send";
        return report.note(
            Check::Broker,
            format!("{message}: the broker holds small messages back"),
            next,
        );
    }
    report.ok(Check::Broker, message);
}

/// The time until the last of these messages is back; `None` if it does not come back.
async fn round_trip(
    connection: &mut BrokerConnection,
    topic: &str,
    payloads: &[Vec<u8>],
) -> Option<Duration> {
    let began: Instant = instant();
    for payload in payloads {
        // With QoS 0 nothing else is acknowledged on the way.
        connection.client.try_publish(topic, QoS::AtMostOnce, false, payload.clone()).ok()?;
    }
    timeout(PATIENCE, returned(connection, &payloads[payloads.len() - 1..])).await.ok()??;
    Some(began.elapsed())
}

/// The first of these messages that comes back; `None` if the connection ends before.
async fn returned(connection: &mut BrokerConnection, payloads: &[Vec<u8>]) -> Option<Vec<u8>> {
    while let Some(event) = connection.events.recv().await {
        if let BrokerEvent::Received { payload, .. } = event
            && let Some(back) = payloads.iter().find(|sent| payload == sent.as_slice())
        {
            return Some(back.clone());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_frame_has_the_time_that_it_takes_both_ways_on_a_slow_link() {
        assert_eq!(patience(10), PATIENCE);
        assert_eq!(patience(FRAME_BYTES_MAX), PATIENCE + Duration::from_secs(32));
        assert_eq!(patience(1 << 30), PATIENCE_MAX);
    }
}
