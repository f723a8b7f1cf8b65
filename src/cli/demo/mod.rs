//! `demo`: gateway, hub and broker in one process, with terminals at work and a network cable that
//! is unplugged now and then. At the end both sides must agree to the unit.

mod broker;
mod cable;
mod goods;
mod page;
mod shop;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::bail;
use tokio::task::JoinSet;

use self::cable::Cable;
use self::page::{Floor, SHOWN};
use self::shop::{Tally, Terminal};
use crate::cli::replay::{ReplayArguments, replay};
use crate::cli::{GatewayArguments, on_signal, say};
use crate::clock;
use crate::config::{BookStore, BrokerUrl, GatewayConfig, HubConfig, MqttConfig};
use crate::gateway::{self, Gateway};
use crate::hub::Hub;
use crate::limits::PAGE_MAX;
use crate::process::stop::{self, Stop};

/// The number of terminals.
const TERMINALS: u64 = 4;
/// How long the cable stays plugged in.
const PLUGGED: Duration = Duration::from_secs(6);
/// How long it stays unplugged.
const PULLED: Duration = Duration::from_secs(4);
/// How long the hub may take to receive everything once the terminals have stopped.
const SETTLE: Duration = Duration::from_secs(60);

/// On hand and reserved, by SKU.
type Stock = BTreeMap<String, (i64, i64)>;

/// What the lines of [`report`] say.
const LEGEND: &str = "
Each second: the cable to head office, the hub link, how many requests are done
(refused: short of stock), and how many entries wait for the hub or are booked
there. The cable is pulled now and then; afterwards nothing is missing.
";

/// The options of the demo.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DemoArguments {
    /// End after this many seconds; by default on Ctrl-C
    #[arg(long)]
    duration: Option<u64>,
    /// Replay orders from a CSV file instead of simulating them
    #[arg(long)]
    orders: Option<PathBuf>,
    /// Seed of the simulated orders
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Simulated requests a second
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
}

/// Runs the demo.
pub(crate) async fn run(arguments: DemoArguments) -> anyhow::Result<()> {
    let directory = std::env::temp_dir().join(format!("stockgate-demo-{}", std::process::id()));
    let result = show(&arguments, &directory).await;
    let _ = std::fs::remove_dir_all(&directory);
    result
}

async fn show(arguments: &DemoArguments, directory: &Path) -> anyhow::Result<()> {
    let (stopper, mut stop) = stop::channel();
    on_signal(stopper);
    let broker = broker::start()?;
    let cable = Arc::new(Cable::to(broker).await?);
    let hub = Hub::start(hub_config(broker, directory)).await?;
    let gateway = start_gateway(cable.address, directory)?;
    let tally = Arc::new(Tally::default());
    let floor = Floor {
        state: Arc::clone(&gateway.state),
        cable: Arc::clone(&cable),
        tally: Arc::clone(&tally),
        terminal: gateway.address,
        hub: hub.address,
    };
    introduce(floor.serve(stop.clone())?, &gateway, &hub);
    goods::publish(hub.address).await?;

    let mut shop = open_shop(arguments, gateway.address, &tally).await?;
    let failure = watch(arguments, &gateway, &cable, &tally, &mut shop, &mut stop).await;
    tally.closed.store(true, Ordering::Relaxed);
    if arguments.orders.is_some() {
        // A replay may stop anywhere: each request is decided or not, never half.
        shop.shutdown().await;
    }
    while let Some(ended) = shop.join_next().await {
        ended??;
    }
    failure?;
    settle(&gateway, &cable, &tally).await?;
    let books = compare(&gateway, &hub).await;
    gateway.stop().await;
    hub.stop().await;
    books
}

/// Says where to look.
fn introduce(page: SocketAddr, gateway: &Gateway, hub: &Hub) {
    let code = goods::barcode(SHOWN[0]);
    say(format!("start here     http://{page}/  (orders, barcodes, pull the cable)"));
    say(format!("terminal page  http://{}/?code={code}", gateway.address));
    say(format!("head office    http://{}/  (do the books balance?)", hub.address));
    say(format!("scanner sheet  http://{}/scanner  (to print)", gateway.address));
    say(LEGEND);
}

fn start_gateway(broker: SocketAddr, directory: &Path) -> anyhow::Result<Gateway> {
    let mut config = GatewayConfig {
        data_dir: directory.join("gateway"),
        mqtt: Some(mqtt(broker)),
        ..GatewayConfig::default()
    };
    let usual = config.terminals.listen;
    // The default port, so that the page's address is easy to remember; any other if it is in use.
    let taken = std::net::TcpListener::bind(usual).is_err();
    let listen = if taken { SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) } else { usual };
    let opened = gateway::open(&config)?;
    config.terminals.listen = listen;
    Gateway::start(config, opened)
}

fn hub_config(broker: SocketAddr, directory: &Path) -> HubConfig {
    let mut config = HubConfig {
        store: BookStore::Sqlite(directory.join("hub.db")),
        mqtt: Some(mqtt(broker)),
        ..HubConfig::default()
    };
    config.http.listen.set_port(0);
    config
}

fn mqtt(broker: SocketAddr) -> MqttConfig {
    MqttConfig {
        url: BrokerUrl { tls: false, host: broker.ip().to_string(), port: broker.port() },
        username: None,
        password: None,
        tls: None,
        books: None,
        tls_files: 0,
        certificate: None,
    }
}

/// Starts the terminals, or the replay.
async fn open_shop(
    arguments: &DemoArguments,
    address: SocketAddr,
    tally: &Arc<Tally>,
) -> anyhow::Result<JoinSet<anyhow::Result<()>>> {
    let mut shop = JoinSet::new();
    let gateway = GatewayArguments::at(address);
    if let Some(file) = &arguments.orders {
        let tally = Arc::clone(tally);
        let arguments = ReplayArguments::demo(file.clone(), gateway);
        shop.spawn(async move {
            replay(arguments, |answer| tally.count(answer["ok"] == true)).await.map(|_| ())
        });
        return Ok(shop);
    }
    let rate = (arguments.rate / TERMINALS as f64).clamp(0.01, 10_000.0);
    for number in 0..TERMINALS {
        let client = gateway.connect().await?;
        let mut terminal = Terminal::new(client, arguments.seed, number, Arc::clone(tally));
        if number == 0 {
            terminal.open_shop().await?;
        }
        shop.spawn(terminal.work(rate));
    }
    Ok(shop)
}

/// Plugs and unplugs the cable and prints what happens, until the demo ends.
async fn watch(
    arguments: &DemoArguments,
    gateway: &Gateway,
    cable: &Cable,
    tally: &Tally,
    shop: &mut JoinSet<anyhow::Result<()>>,
    stop: &mut Stop,
) -> anyhow::Result<()> {
    let started = clock::instant();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stop.requested() => return Ok(()),
            ended = shop.join_next() => return match ended {
                Some(ended) => ended?,
                None => Ok(()),
            },
        }
        let elapsed = started.elapsed();
        if arguments.duration.is_some_and(|duration| elapsed.as_secs() >= duration) {
            return Ok(());
        }
        let into_cycle = elapsed.as_secs() % (PLUGGED + PULLED).as_secs();
        if !cable.is_in_hand() {
            cable.plug(into_cycle < PLUGGED.as_secs());
        }
        report(elapsed, gateway, cable, tally);
    }
}

fn report(elapsed: Duration, gateway: &Gateway, cable: &Cable, tally: &Tally) {
    let sync = gateway.state.sync_status();
    let cable = if cable.is_plugged() { "in" } else { "out" };
    say(format!(
        "{:>4}s cable {cable:<3} {:<7} {:>7} done {:>5} refused {:>5} pending {:>7} booked",
        elapsed.as_secs(),
        sync.state,
        tally.decided.load(Ordering::Relaxed),
        tally.refused.load(Ordering::Relaxed),
        sync.pending,
        sync.acked_seq,
    ));
}

/// Plugs the cable in and waits until the hub has committed everything.
async fn settle(gateway: &Gateway, cable: &Cable, tally: &Tally) -> anyhow::Result<()> {
    cable.plug(true);
    let started = clock::instant();
    while started.elapsed() < SETTLE {
        // A reservation that expires meanwhile adds an entry.
        if gateway.state.sync_status().pending == 0 && gateway.state.stock().hold_count() == 0 {
            return Ok(());
        }
        report(started.elapsed(), gateway, cable, tally);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    bail!("the hub did not get everything within {} s", SETTLE.as_secs())
}

/// Compares gateway and hub SKU by SKU.
async fn compare(gateway: &Gateway, hub: &Hub) -> anyhow::Result<()> {
    let at_hub = hub_stock(hub).await?;
    let at_gateway: Stock = gateway
        .state
        .stock()
        .items_after("", None)
        .map(|(sku, item)| (sku.to_string(), (item.on_hand, item.reserved)))
        .collect();
    let differing = differing(&at_gateway, &at_hub);
    let balanced =
        hub.reader.reconcile().await?.is_some_and(|found| found.balanced && !found.drifts());
    if differing > 0 || !balanced {
        bail!("the books differ in {differing} SKUs, reconcile says balanced: {balanced}");
    }
    let units: i64 = at_gateway.values().map(|(on_hand, _)| on_hand).sum();
    let (skus, entries) = (at_gateway.len(), gateway.state.acked_seq());
    say(format!("the books agree: {entries} entries, {skus} SKUs, {units} units, balanced"));
    Ok(())
}

/// How many SKUs differ. One that is listed and has no stock may be at one side only.
fn differing(at_gateway: &Stock, at_hub: &Stock) -> usize {
    let skus: BTreeSet<&String> = at_gateway.keys().chain(at_hub.keys()).collect();
    let of = |stock: &Stock, sku: &String| stock.get(sku).copied().unwrap_or_default();
    skus.into_iter().filter(|sku| of(at_gateway, sku) != of(at_hub, sku)).count()
}

async fn hub_stock(hub: &Hub) -> anyhow::Result<Stock> {
    let mut stock = BTreeMap::new();
    let mut after = Some(String::new());
    while let Some(cursor) = after {
        let page = hub.reader.stock(cursor, PAGE_MAX).await?;
        for item in page.items {
            let held = item.gateways.first();
            let held = held.map(|held| (held.on_hand.units, held.reserved.units));
            stock.insert(item.sku.clone(), held.unwrap_or_default());
        }
        after = page.next;
    }
    Ok(stock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skus_differ_by_their_units_and_not_by_being_listed() {
        let stock = |skus: &[(&str, i64)]| -> Stock {
            skus.iter().map(|(sku, on_hand)| ((*sku).to_owned(), (*on_hand, 0))).collect()
        };
        let at_gateway = stock(&[("listed", 0), ("same", 5), ("more", 7), ("here", 1)]);
        let at_hub = stock(&[("same", 5), ("more", 6), ("there", 2), ("sold", 0)]);
        assert_eq!(differing(&at_gateway, &at_hub), 3);
    }
}
