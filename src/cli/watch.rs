//! `watch`: shows changes at a gateway as they happen. On a terminal it draws a board in place, to
//! a pipe it writes one line for each event, with `--json` the gateway's own events. It reconnects
//! by itself, and ends with Ctrl-C or when its output is closed.

mod board;
mod keys;
mod screen;

use std::io::IsTerminal as _;
use std::os::fd::AsFd as _;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::Interest;
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{interval, sleep, timeout};

use self::keys::Keys;
use self::screen::Screen;
use super::client::{Client, GatewayArguments};
use super::inspect::{item_row, sync_words};
use super::{figures, say};
use crate::clock;

/// What to watch, and how.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct WatchArguments {
    /// Only SKUs that begin with this text
    #[arg(long)]
    prefix: Option<String>,
    /// On a terminal: list SKUs of which this many units or fewer are available
    #[arg(long, default_value_t = 10)]
    low: i64,
    #[command(flatten)]
    gateway: GatewayArguments,
    /// Print JSON, one event a line: the gateway's, and `lost` when the connection is lost
    #[arg(long)]
    json: bool,
}

const TICK: Duration = Duration::from_millis(200);
const RECONNECT_EVERY: Duration = Duration::from_secs(1);
/// A gateway that is silent for this long is asked whether it is there.
const SILENT: Duration = Duration::from_secs(30);
const ANSWER: Duration = Duration::from_secs(10);

pub(super) async fn run(arguments: WatchArguments) -> anyhow::Result<()> {
    let (keys, quit) = keys::channel();
    let shown = Shown::new(&arguments, keys);
    let mut watch = Watch { arguments, shown, epoch: Value::Null, seq: 0, base_seq: 0 };
    tokio::select! {
        result = watch.run() => result,
        () = ended() => Ok(()),
        () = quit.pressed() => Ok(()),
    }
}

/// Waits for Ctrl-C, or until the output is closed.
async fn ended() {
    let Ok(mut interrupt) = signal(SignalKind::interrupt()) else {
        return std::future::pending().await;
    };
    // Only a pipe can be waited for; a file is never closed by its reader.
    let output = std::io::stdout().as_fd().try_clone_to_owned();
    let pipe = output.and_then(pipe::Sender::from_owned_fd_unchecked);
    let closed = async {
        match &pipe {
            Ok(pipe) => drop(pipe.ready(Interest::ERROR).await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! { _ = interrupt.recv() => {}, () = closed => {} }
}

struct Watch {
    arguments: WatchArguments,
    shown: Shown,
    /// The epoch of these positions: how far this watch has seen, and where it began.
    epoch: Value,
    seq: u64,
    base_seq: u64,
}

impl Watch {
    /// Runs until it is cancelled. Only a gateway that cannot be reached at the start is an error.
    async fn run(&mut self) -> anyhow::Result<()> {
        let mut client = self.begin().await?;
        loop {
            let Err(why) = self.follow(&mut client).await;
            self.shown.lost(&format!("{why:#}"));
            client = loop {
                sleep(RECONNECT_EVERY).await;
                self.shown.tick();
                if let Ok(client) = self.begin().await {
                    break client;
                }
            };
        }
    }

    /// Connects, and subscribes from the last position seen.
    async fn begin(&mut self) -> anyhow::Result<Client> {
        let mut client = self.arguments.gateway.connect().await?;
        let status = client.call(json!({"op": "status"})).await?;
        if status["epoch"] != self.epoch {
            self.epoch = status["epoch"].clone();
            self.seq = 0;
            self.base_seq = status["ledger_seq"].as_u64().unwrap_or(0);
        }
        self.shown.begin(&client.hello, &status["sync"]);
        let prefix = self.arguments.prefix.as_deref().unwrap_or_default();
        let request = json!({"op": "subscribe", "prefix": prefix, "since": self.seq});
        client.call(request).await?;
        Ok(client)
    }

    async fn follow(&mut self, client: &mut Client) -> anyhow::Result<std::convert::Infallible> {
        let mut tick = interval(TICK);
        let mut heard_at = clock::instant();
        loop {
            tokio::select! {
                event = client.event() => {
                    heard_at = clock::instant();
                    self.take(&event?);
                }
                _ = tick.tick() => self.shown.tick(),
            }
            if heard_at.elapsed() > SILENT {
                timeout(ANSWER, client.call(json!({"op": "status"}))).await??;
                heard_at = clock::instant();
            }
        }
    }

    fn take(&mut self, event: &Value) {
        self.seq = event["seq"].as_u64().unwrap_or(self.seq);
        self.shown.event(event, self.base_seq);
    }
}

/// The form of the output.
enum Shown {
    Json,
    Lines,
    Screen(Box<Screen>),
}

impl Shown {
    fn new(arguments: &WatchArguments, keys: Keys) -> Self {
        match (arguments.json, std::io::stdout().is_terminal()) {
            (true, _) => Self::Json,
            (false, false) => Self::Lines,
            (false, true) => Self::Screen(Box::new(Screen::new(arguments.low, keys))),
        }
    }

    fn begin(&mut self, hello: &Value, sync: &Value) {
        match self {
            Self::Json => say(hello),
            Self::Lines => {
                let name = |key: &str| hello[key].as_str().unwrap_or("?").to_owned();
                say(format!("-- {}/{}: {}", name("site"), name("gateway"), sync_words(sync)));
            }
            Self::Screen(screen) => screen.board.begin(hello, sync),
        }
    }

    fn event(&mut self, event: &Value, base_seq: u64) {
        match (self, event["event"].as_str()) {
            (Self::Json, _) => say(figures::to_json(event)),
            (Self::Lines, Some("stock")) => {
                event["items"].as_array().into_iter().flatten().map(item_row).for_each(say);
            }
            (Self::Lines, Some("sync")) => say(format!("-- {}", sync_words(&event["sync"]))),
            (Self::Lines, _) => {}
            (Self::Screen(screen), _) => screen.board.take(event, base_seq, clock::wall_ms()),
        }
    }

    fn lost(&mut self, why: &str) {
        match self {
            Self::Json => say(json!({"event": "lost", "reason": why})),
            Self::Lines => say(format!("-- the gateway cannot be reached, trying again: {why}")),
            Self::Screen(screen) => screen.board.lose(why),
        }
    }

    fn tick(&mut self) {
        if let Self::Screen(screen) = self {
            screen.draw();
        }
    }
}
