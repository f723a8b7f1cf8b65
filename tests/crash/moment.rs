//! The moments at which the gateway is killed.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use rusqlite::Connection;

use crate::support::gateway::Gateway;

/// How long to wait for a moment that may not come, such as a checkpoint.
const WAIT_LIMIT: Duration = Duration::from_millis(5_000);
/// Fewer open reservations by this many: more than the terminals close at a time.
const ENDED: u64 = 200;
const LOAD_MS: u64 = 160;
const START_US: u64 = 60_000;
/// Within this time a gateway whose directory is back accepts mutations again.
const BACK_MS: u64 = 2_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Moment {
    /// Between the start of the process and shortly after the ready line.
    Starting,
    /// At the ready line.
    Ready,
    /// While requests are being decided.
    Loaded,
    /// When the database file begins to change: a checkpoint of the log.
    Checkpoint,
    /// When the first entry has been pruned.
    Pruning,
    /// While thousands of reservations expire.
    Expiring,
    /// While it stops after a signal.
    Stopping,
    /// When its data directory was moved away for a while, and back.
    Moved,
    /// When it has ended by itself because its log was removed.
    WithoutLog,
    /// When another program has moved its log into the database and cut it to nothing, as it may.
    Emptied,
}

impl Moment {
    pub(crate) fn choose(rng: &mut fastrand::Rng, has_grown_older: bool) -> Self {
        if has_grown_older && rng.u8(..4) != 0 {
            return Self::Pruning;
        }
        match rng.u8(..100) {
            0..15 => Self::Starting,
            15..25 => Self::Ready,
            25..70 => Self::Loaded,
            70..84 => Self::Checkpoint,
            84..92 => Self::Stopping,
            92..95 => Self::Moved,
            95..98 => Self::Emptied,
            _ => Self::WithoutLog,
        }
    }

    /// Whether the ledger is checked first, while nothing else happens.
    pub(crate) fn leaves_time(self) -> bool {
        !matches!(self, Self::Starting | Self::Ready | Self::Expiring)
    }

    /// Waits for the moment; returns whether it came.
    pub(crate) fn wait(self, gateway: &Gateway, lives: usize, rng: &mut fastrand::Rng) -> bool {
        match self {
            Self::Starting => sleep(Duration::from_micros(rng.u64(..START_US))),
            Self::Ready => return until(|| ready_lines(gateway) > lives),
            Self::Loaded => sleep(Duration::from_millis(rng.u64(..LOAD_MS))),
            Self::Checkpoint => {
                let before = changed(&gateway.database());
                return until(|| changed(&gateway.database()) != before);
            }
            Self::Pruning => {
                let before = first_seq(gateway);
                return until(|| first_seq(gateway) > before);
            }
            Self::Expiring => {
                let mut most = 0;
                return until(|| {
                    let now = open_reservations(gateway).unwrap_or(most);
                    most = most.max(now);
                    now > 0 && now + ENDED <= most
                });
            }
            Self::Stopping => {
                sleep(Duration::from_millis(rng.u64(..LOAD_MS)));
                gateway.signal("TERM");
                sleep(Duration::from_micros(rng.u64(..START_US)));
            }
            Self::Moved => {
                sleep(Duration::from_millis(rng.u64(..LOAD_MS)));
                let away = gateway.dir().join("away");
                fs::rename(gateway.data_dir(), &away).unwrap();
                sleep(Duration::from_millis(rng.u64(..LOAD_MS)));
                fs::rename(away, gateway.data_dir()).unwrap();
                sleep(Duration::from_millis(rng.u64(..BACK_MS)));
            }
            Self::WithoutLog => {
                sleep(Duration::from_millis(rng.u64(..LOAD_MS)));
                fs::remove_file(format!("{}-wal", gateway.database().display())).unwrap();
                // Killed before it has moved the log into the database, it would lose answers.
                let has_ended = || gateway.http().try_send("GET", "/healthz", None).is_err();
                assert!(until(has_ended), "it goes on without its log");
            }
            Self::Emptied => {
                sleep(Duration::from_millis(rng.u64(..LOAD_MS)));
                let other = Connection::open(gateway.database()).unwrap();
                let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
                let busy: i64 = other.query_row(sql, [], |row| row.get(0)).unwrap();
                sleep(Duration::from_millis(rng.u64(..LOAD_MS)));
                assert_eq!(gateway.http().get("/readyz").status, 200, "nothing is lost by that");
                return busy == 0;
            }
        }
        true
    }
}

/// The number of ready lines so far.
pub(crate) fn ready_lines(gateway: &Gateway) -> usize {
    gateway.log().matches("the gateway is ready").count()
}

fn until(mut came: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + WAIT_LIMIT;
    while Instant::now() < deadline {
        if came() {
            return true;
        }
        sleep(Duration::from_micros(100));
    }
    false
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

fn first_seq(gateway: &Gateway) -> Option<u64> {
    let page = gateway.http().try_send("GET", "/api/ledger?limit=1", None).ok()?.json();
    page["entries"][0]["seq"].as_u64()
}

fn open_reservations(gateway: &Gateway) -> Option<u64> {
    let status = gateway.http().try_send("GET", "/api/status", None).ok()?.json();
    status["reservations"].as_u64()
}
