//! Clients of the gRPC interface, each with one order in flight.

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

use crate::load::figures::Figures;
use crate::proto::DeductRequest;
use crate::proto::inventory_service_client::InventoryServiceClient;

/// Orders and where they are sent: the clients are spread over the ports.
pub(crate) struct Orders<'a> {
    pub(crate) ports: &'a [u16],
    pub(crate) clients: usize,
    pub(crate) time: Duration,
    /// The order of this number.
    pub(crate) order: fn(usize) -> DeductRequest,
}

impl Orders<'_> {
    /// Sends orders for this time.
    pub(crate) fn run(&self) -> Figures {
        let runtime = Runtime::new().unwrap();
        let began = Instant::now();
        let latencies = runtime.block_on(async {
            let channels: Vec<Channel> = self.ports.iter().map(|port| channel(*port)).collect();
            let clients = (0..self.clients).map(|client| {
                let channel = channels[client % channels.len()].clone();
                tokio::spawn(sell(channel, client, self.clients, self.order, self.time))
            });
            let mut all = Vec::new();
            for client in clients.collect::<Vec<_>>() {
                all.extend(client.await.unwrap());
            }
            all
        });
        Figures::new(latencies, began.elapsed(), 0)
    }
}

fn channel(port: u16) -> Channel {
    Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap().connect_lazy()
}

/// The latency of each order in microseconds.
async fn sell(
    channel: Channel,
    client: usize,
    clients: usize,
    order: fn(usize) -> DeductRequest,
    time: Duration,
) -> Vec<u32> {
    let (mut service, began) = (InventoryServiceClient::new(channel), Instant::now());
    let (mut latencies, mut number) = (Vec::new(), client);
    while began.elapsed() < time {
        let request = DeductRequest { order_id: Uuid::new_v4().to_string(), ..order(number) };
        let asked = Instant::now();
        service.deduct_stock(request).await.unwrap();
        latencies.push(u32::try_from(asked.elapsed().as_micros()).unwrap());
        number += clients;
    }
    latencies
}
