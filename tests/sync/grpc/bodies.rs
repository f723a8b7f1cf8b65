//! What is kept of messages that arrive at the same time: nothing for clients without a token, and for
//! the others much more than one of them needs.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use h2::client::ResponseFuture;
use tokio::task::JoinSet;

use super::access::{secret, with_tokens};
use super::client::{Client, units_of};
use super::connection::{Connection, framed, method, status};
use super::proto::ReceiveRequest;
use crate::support::patience::patience;

const LOCAL: [u8; 4] = [127, 0, 0, 1];
/// More than 2 MiB of messages, which is what clients without a token had together.
const CALLS: usize = 50;

/// A receipt of 900 lines, about 55 kB.
fn long_receipt(id: usize) -> Vec<u8> {
    let lines = (0..900).map(|n| units_of(&format!("{n:0>55}"), 1)).collect();
    let receipt = ReceiveRequest { request_id: format!("po-{id}"), lines, ..Default::default() };
    framed(&receipt)
}

#[test]
fn long_messages_of_a_client_with_a_token_are_taken_however_many_arrive_at_once() {
    let (mut hub, port) = with_tokens("", "");
    hub.launch();
    let client = Client::new(port);
    let statuses = client.runtime.block_on(async {
        let connection = Connection::open(LOCAL, port).await.unwrap().with_token(&secret("shop"));
        let mut begun = Vec::new();
        for number in 0..CALLS {
            let (answer, mut body) = connection.begin(&method("ReceiveStock")).await.unwrap();
            let mut message = long_receipt(number);
            let last = message.split_off(message.len() - 1);
            body.send_data(message.into(), false).unwrap();
            begun.push((answer, body, last));
        }
        // There is room for the last byte once the hub has read most of what is before it.
        let (_, body, _) = begun.last_mut().unwrap();
        body.reserve_capacity(1);
        let room = tokio::time::timeout(patience(), poll_fn(|context| body.poll_capacity(context)));
        room.await.expect("the hub reads").unwrap().unwrap();
        let mut answers = JoinSet::new();
        for (answer, mut body, last) in begun {
            let _ = body.send_data(last.into(), true);
            answers.spawn(status(answer));
        }
        answers.join_all().await
    });
    let taken = statuses.iter().filter(|status| status.as_deref() == Some("0")).count();
    assert_eq!(taken, CALLS, "{statuses:?}");
}

/// A message that does not end would keep memory until its time is over.
#[test]
fn a_call_without_a_token_is_refused_before_its_message() {
    let (mut hub, port) = with_tokens("", "");
    hub.launch();
    let client = Client::new(port);
    let refused = |answer: ResponseFuture, body: SendStream<Bytes>| async move {
        let status = tokio::time::timeout(Duration::from_secs(10), status(answer)).await;
        drop(body);
        status.ok().flatten()
    };
    let statuses = client.runtime.block_on(async {
        let connection = Connection::open(LOCAL, port).await.unwrap();
        let wrong = connection.clone().with_token("wrong");
        let mut answers = JoinSet::new();
        for number in 0..CALLS {
            let sender = if number == 0 { &wrong } else { &connection };
            let (answer, mut body) = sender.begin(&method("DeductStock")).await.unwrap();
            let message = [&[0], &65_000_u32.to_be_bytes()[..], &[0; 60_000]].concat();
            let _ = body.send_data(message.into(), false);
            answers.spawn(refused(answer, body));
        }
        answers.join_all().await
    });
    let unauthenticated = statuses.iter().filter(|status| status.as_deref() == Some("16")).count();
    assert_eq!(unauthenticated, CALLS, "{statuses:?}");
}
