//! `replay`: sends order lines from a file to a running gateway.
//!
//! Every row is one request, whose id is made from the order and the row number. A second run of
//! the same file sends the same requests and changes nothing. When the connection breaks, the
//! requests without an answer are sent again in the same order, with the same ids.

mod pace;
mod requests;

use std::collections::{BTreeMap, VecDeque};
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::Value;

use self::pace::Pace;
use self::requests::{row_request, seed_requests};
use super::client::{Client, GatewayArguments};
use super::csv_file::{Columns, Row, rows};
use super::say;
use crate::clock;
use crate::limits::CONNECTION_IN_FLIGHT_MAX;

/// How long a gateway may be unreachable before the replay gives up.
const PATIENCE: Duration = Duration::from_secs(120);
const RECONNECT_EVERY: Duration = Duration::from_millis(250);
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// What to replay, and where.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReplayArguments {
    /// A CSV file of order lines, plain, .gz or .zst
    file: PathBuf,
    #[command(flatten)]
    gateway: GatewayArguments,
    /// Which columns to use: order=NAME,sku=NAME,quantity=NAME,at=NAME
    #[arg(long, default_value = "order=order_id,sku=sku,quantity=quantity,at=timestamp")]
    columns: Columns,
    /// Requests in flight at most
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// Replay only this many rows
    #[arg(long)]
    limit: Option<u64>,
    /// First restock each SKU with the units that the file deducts
    #[arg(long)]
    seed_stock: bool,
    /// Follow the file's times, this many times faster; by default as fast as the gateway answers
    #[arg(long)]
    speed: Option<f64>,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// The outcome of a replay.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Summary {
    /// Rows in the file.
    pub(crate) rows: u64,
    /// Rows with quantity 0, which are skipped.
    skipped: u64,
    /// Rows whose quantity is not a whole number.
    unreadable: u64,
    /// Requests applied by this run.
    pub(crate) applied: u64,
    /// Requests decided by an earlier run.
    pub(crate) replayed: u64,
    /// Requests refused, by code.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Number of reconnects.
    reconnects: u64,
    seconds: f64,
    rate_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
}

pub(crate) async fn run(arguments: ReplayArguments) -> anyhow::Result<()> {
    let as_json = arguments.json;
    let summary = replay(arguments, |_| {}).await?;
    if as_json {
        say(crate::net::json::json(&summary));
    } else {
        print(&summary);
    }
    if summary.unreadable > 0 {
        bail!(
            "{} rows could not be read: their quantity is not a whole number",
            summary.unreadable
        );
    }
    Ok(())
}

impl ReplayArguments {
    /// A replay of the whole file, with a seeded stock.
    #[cfg(feature = "demo")]
    pub(crate) fn demo(file: PathBuf, gateway: GatewayArguments) -> Self {
        let columns = Columns::default();
        let (concurrency, limit, seed_stock, speed, json) = (16, None, true, None, false);
        Self { file, gateway, columns, concurrency, limit, seed_stock, speed, json }
    }

    fn rows(&self) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Row>> + use<>> {
        let limit =
            self.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(rows(&self.file, &self.columns)?.take(limit))
    }
}

/// Replays a file; `answered` is called with every answer.
pub(crate) async fn replay(
    arguments: ReplayArguments,
    answered: impl FnMut(&Value),
) -> anyhow::Result<Summary> {
    let mut run = Run::start(&arguments, answered).await?;
    if arguments.seed_stock {
        for request in seed_requests(arguments.rows()?)? {
            run.ask(request).await?;
        }
        run.finish().await?;
        if let Some((code, count)) = run.summary.refused.first_key_value() {
            bail!(
                "the opening stock was refused: {count} requests with {code}; nothing was replayed"
            );
        }
    }
    run.begin_rows();
    let mut pace = Pace::new(arguments.speed);
    for row in arguments.rows()? {
        let row = row?;
        run.summary.rows += 1;
        let Some(request) = run.request(&row) else {
            continue;
        };
        if let Some(wait) = pace.wait(row.at_ms) {
            run.finish().await?;
            tokio::time::sleep(wait).await;
        }
        run.ask(request).await?;
    }
    run.finish().await?;
    Ok(run.summarize())
}

/// A replay in progress.
struct Run<'a, F> {
    arguments: &'a ReplayArguments,
    client: Client,
    /// Requests without an answer, in the order of the file.
    waiting: VecDeque<Waiting>,
    unsent: usize,
    next_id: u64,
    answered: F,
    summary: Summary,
    latencies_us: Vec<u32>,
    started: Instant,
    shown: Instant,
}

struct Waiting {
    id: u64,
    text: String,
    sent_at: Instant,
}

impl<'a, F: FnMut(&Value)> Run<'a, F> {
    async fn start(arguments: &'a ReplayArguments, answered: F) -> anyhow::Result<Self> {
        let now = clock::instant();
        Ok(Self {
            arguments,
            client: arguments.gateway.connect().await?,
            waiting: VecDeque::new(),
            unsent: 0,
            next_id: 0,
            answered,
            summary: Summary::default(),
            latencies_us: Vec::new(),
            started: now,
            shown: now,
        })
    }

    /// The seeded stock does not count in the summary.
    fn begin_rows(&mut self) {
        self.summary = Summary { reconnects: self.summary.reconnects, ..Summary::default() };
        self.latencies_us.clear();
        self.started = clock::instant();
    }

    /// The request of a row; `None` if the row is skipped.
    fn request(&mut self, row: &Row) -> Option<Value> {
        match row.quantity {
            Some(0) => self.summary.skipped += 1,
            None => self.summary.unreadable += 1,
            Some(quantity) => return Some(row_request(row, quantity)),
        }
        None
    }

    /// Sends a request as soon as the window has room for it.
    async fn ask(&mut self, mut request: Value) -> anyhow::Result<()> {
        let concurrency = usize::from(self.arguments.concurrency).min(CONNECTION_IN_FLIGHT_MAX);
        if self.waiting.len() >= concurrency {
            // Half a window at a time, so that requests share packets.
            self.drain_to(concurrency / 2).await?;
        }
        self.next_id += 1;
        request["id"] = self.next_id.into();
        let (id, text, sent_at) = (self.next_id, request.to_string(), clock::instant());
        self.unsent += 1;
        let fed = self.client.feed(text.clone()).await;
        self.waiting.push_back(Waiting { id, text, sent_at });
        self.or_reconnect(fed).await?;
        Ok(())
    }

    async fn finish(&mut self) -> anyhow::Result<()> {
        self.drain_to(0).await
    }

    /// Waits until at most `left` answers are outstanding.
    async fn drain_to(&mut self, left: usize) -> anyhow::Result<()> {
        while self.waiting.len() > left {
            if self.unsent > 0 {
                self.unsent = 0;
                let flushed = self.client.flush().await;
                self.or_reconnect(flushed).await?;
            }
            let received = self.client.receive().await;
            if let Some(answer) = self.or_reconnect(received).await? {
                self.take_answer(&answer).await?;
            }
        }
        Ok(())
    }

    async fn take_answer(&mut self, answer: &Value) -> anyhow::Result<()> {
        let Some(place) = self.waiting.iter().position(|waiting| answer["id"] == waiting.id) else {
            return Ok(());
        };
        let code = answer["error"]["code"].as_str();
        if matches!(code, Some("overloaded" | "storage_unavailable")) {
            tokio::time::sleep(RECONNECT_EVERY).await;
            let again = self.client.feed(self.waiting[place].text.clone()).await;
            self.unsent += 1;
            self.or_reconnect(again).await?;
            return Ok(());
        }
        let waiting = self.waiting.remove(place).expect("its place was just found");
        let micros = waiting.sent_at.elapsed().as_micros();
        self.latencies_us.push(u32::try_from(micros).unwrap_or(u32::MAX));
        self.count(answer, code);
        (self.answered)(answer);
        self.show_progress();
        Ok(())
    }

    fn count(&mut self, answer: &Value, code: Option<&str>) {
        let replayed = |part: &Value| part["replayed"] == true;
        if replayed(&answer["result"]) || replayed(&answer["error"]) {
            self.summary.replayed += 1;
        } else if let Some(code) = code {
            *self.summary.refused.entry(code.into()).or_default() += 1;
        } else {
            self.summary.applied += 1;
        }
    }

    /// After the connection broke: connects again and repeats the requests without an answer.
    async fn or_reconnect<T>(&mut self, result: anyhow::Result<T>) -> anyhow::Result<Option<T>> {
        let mut error = match result {
            Ok(value) => return Ok(Some(value)),
            Err(error) => error,
        };
        let broken_at = clock::instant();
        loop {
            if broken_at.elapsed() > PATIENCE {
                return Err(error)
                    .context("the gateway is still unreachable; run the same replay again later");
            }
            tokio::time::sleep(RECONNECT_EVERY).await;
            match self.reconnect().await {
                Ok(()) => break,
                Err(again) => error = again,
            }
        }
        self.summary.reconnects += 1;
        Ok(None)
    }

    async fn reconnect(&mut self) -> anyhow::Result<()> {
        self.client = self.arguments.gateway.connect().await?;
        for waiting in &self.waiting {
            self.client.feed(waiting.text.clone()).await?;
        }
        self.unsent = 0;
        self.client.flush().await
    }

    fn show_progress(&mut self) {
        if self.shown.elapsed() < PROGRESS_EVERY || !std::io::stderr().is_terminal() {
            return;
        }
        self.shown = clock::instant();
        let Summary { applied, replayed, .. } = self.summary;
        let refused: u64 = self.summary.refused.values().sum();
        let progress = format!(
            "\r{} rows: {applied} applied, {replayed} replayed, {refused} refused ",
            self.summary.rows
        );
        let _ = std::io::Write::write_all(&mut std::io::stderr(), progress.as_bytes());
    }

    fn summarize(mut self) -> Summary {
        let seconds = self.started.elapsed().as_secs_f64();
        self.latencies_us.sort_unstable();
        let quantile = |share: f64| {
            let place = (self.latencies_us.len() as f64 * share) as usize;
            let micros = self.latencies_us.get(place).or(self.latencies_us.last());
            micros.map_or(0.0, |&micros| f64::from(micros) / 1_000.0)
        };
        let rate_per_s = self.latencies_us.len() as f64 / seconds.max(f64::EPSILON);
        let (p50_ms, p99_ms) = (quantile(0.5), quantile(0.99));
        Summary { seconds, rate_per_s, p50_ms, p99_ms, ..self.summary }
    }
}

fn print(summary: &Summary) {
    let Summary { rows, skipped, applied, replayed, reconnects, .. } = summary;
    say(format!("rows      {rows} ({skipped} with quantity 0)"));
    say(format!("applied   {applied}"));
    say(format!("replayed  {replayed}"));
    for (code, count) in &summary.refused {
        say(format!("refused   {count} {code}"));
    }
    say(format!(
        "rate      {:.0} a second over {:.1} s, {reconnects} reconnects",
        summary.rate_per_s, summary.seconds
    ));
    say(format!("latency   p50 {:.2} ms, p99 {:.2} ms", summary.p50_ms, summary.p99_ms));
}
