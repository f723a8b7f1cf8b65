//! All gateways that are played, on one thread of this process.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{self, UnboundedSender};

use crate::gateway::{Gateway, Order};
use crate::ledger::{Goods, Ledger};
use crate::standing::{Board, Standing};

/// Between two connections, so that the broker's listener keeps up.
const BETWEEN: Duration = Duration::from_micros(500);

pub(crate) struct Crowd {
    pub(crate) board: Arc<Board>,
    orders: Vec<UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Crowd {
    /// Connects so many gateways to the broker at this port.
    pub(crate) fn connect(gateways: usize, broker: u16, goods: &Arc<Goods>) -> Self {
        let board = Arc::new(Board::new(gateways));
        let (orders, waiting): (Vec<_>, Vec<_>) =
            (0..gateways).map(|_| mpsc::unbounded_channel()).unzip();
        let played = waiting.into_iter().enumerate().map(|(number, orders)| {
            (Gateway::new(number, broker, Ledger::new(number, goods), &board), orders)
        });
        let played: Vec<_> = played.collect();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let mut tasks = tokio::task::JoinSet::new();
                for (gateway, orders) in played {
                    tasks.spawn(gateway.run(orders));
                    tokio::time::sleep(BETWEEN).await;
                }
                while tasks.join_next().await.is_some() {}
            });
        });
        Self { board, orders, thread: Some(thread) }
    }

    pub(crate) fn len(&self) -> usize {
        self.orders.len()
    }

    pub(crate) fn tell(&self, number: usize, order: Order) {
        self.orders[number].send(order).unwrap();
    }

    pub(crate) fn tell_all(&self, order: impl Fn(usize) -> Order) {
        (0..self.len()).for_each(|number| self.tell(number, order(number)));
    }

    /// Waits until so many gateways are so; returns how long that took.
    pub(crate) fn wait(
        &self,
        what: &str,
        (count, limit): (usize, Duration),
        is_so: impl Fn(&Standing) -> bool,
    ) -> Duration {
        let began = Instant::now();
        loop {
            let so = self.board.count(&is_so);
            if so >= count {
                return began.elapsed();
            }
            if began.elapsed() > limit {
                self.board.print_reports();
                panic!("{what}: {so} of {count} after {limit:?}");
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn wait_streaming(&self) -> Duration {
        let all = (self.len(), Duration::from_secs(120));
        self.wait("streaming", all, |standing| standing.is_streaming)
    }

    pub(crate) fn wait_confirmed(&self) -> Duration {
        let all = (self.len(), Duration::from_secs(600));
        self.wait("confirmed", all, Standing::is_confirmed)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.orders.clear();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
