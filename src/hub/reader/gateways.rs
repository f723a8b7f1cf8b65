//! Gateways and their databases.

use std::collections::BTreeMap;

use serde::Serialize;

use super::decimals::decimals_column;
use super::page::BooksPage;

use crate::clock::{rfc3339, wall_ms};
use crate::hex;
use crate::hub::core::{OTHER_KEY, is_drift, size_limit};
use crate::hub::db::BooksError;
use crate::hub::db::sql::{ColumnType, Executor, Keys, RowReader, SqlRow, SqlValue};
use crate::limits::STOCK_MAX;
use crate::net::access::Sites;
use crate::net::json::CheckpointJson;
use crate::protocol::topic::GatewayId;
use crate::stock::{Amount, Decimals, Seq, SignedPosition};

/// A gateway, with its database in force.
#[derive(Debug, Serialize)]
pub(in crate::hub) struct GatewayJson {
    site: String,
    gateway: String,
    online: bool,
    state: &'static str,
    epoch: String,
    /// The version of its program.
    version: String,
    acked_seq: Seq,
    /// How far its ledger is known to go.
    ledger_seq: Seq,
    /// The entries that are not in the books yet.
    pending: u64,
    /// For how long the oldest of them is known to wait; `None` without any.
    oldest_pending_s: Option<i64>,
    /// The units in transit to it.
    in_transit: Amount<i128>,
    last_seen: String,
    drift: bool,
    /// What is wrong, why it is held, or what does not get through to it.
    problem: Option<String>,
    /// Since when it is held.
    held_since: Option<String>,
}

/// One database of a gateway.
#[derive(Debug, Serialize)]
pub(in crate::hub) struct EpochJson {
    epoch: String,
    /// `open`, `fenced`, `replaced` or `retired`.
    state: &'static str,
    acked_seq: Seq,
    /// How far its ledger is known to go.
    known_seq: Seq,
    /// The number of late entries that are kept aside.
    aside: u64,
    last_seen: String,
    problem: Option<String>,
    /// The key that is bound to it …
    device_key: Option<String>,
    /// … and another one that the device shows.
    offered_key: Option<String>,
    /// What the device has signed last.
    checkpoint: Option<CheckpointJson>,
}

/// Which gateways to list.
#[derive(Debug, Default)]
pub(in crate::hub) struct GatewayQuery {
    /// Those after this one, by site and name.
    pub(in crate::hub) after: Option<GatewayId>,
    pub(in crate::hub) limit: usize,
    pub(in crate::hub) state: Option<GatewayState>,
    /// Those of these sites.
    pub(in crate::hub) sites: Sites,
}

/// The states of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum GatewayState {
    Online,
    Offline,
    /// It waits until the books are recovered.
    Held,
    Fenced,
    /// An older database of it is neither gone for good nor in force.
    Replaced,
}

impl GatewayState {
    pub(in crate::hub) const ALL: [Self; 5] =
        [Self::Online, Self::Offline, Self::Held, Self::Fenced, Self::Replaced];

    pub(in crate::hub) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    pub(in crate::hub) fn name(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Held => "held",
            Self::Fenced => "fenced",
            Self::Replaced => "replaced",
        }
    }

    pub(super) fn of(online: bool, is_fenced: bool, is_held: bool, has_older: bool) -> Self {
        if is_fenced {
            return Self::Fenced;
        }
        if is_held {
            return Self::Held;
        }
        match (has_older, online) {
            (true, _) => Self::Replaced,
            (false, true) => Self::Online,
            (false, false) => Self::Offline,
        }
    }

    fn condition(self) -> String {
        match self {
            Self::Online => format!("AND {IS_OPEN} AND online = 1 AND NOT {HAS_OLDER}"),
            Self::Offline => format!("AND {IS_OPEN} AND online = 0 AND NOT {HAS_OLDER}"),
            Self::Held => "AND held IS NOT NULL AND fenced IS NULL AND reopening IS NULL".into(),
            Self::Fenced => "AND (fenced IS NOT NULL OR reopening IS NOT NULL)".into(),
            Self::Replaced => format!("AND {IS_OPEN} AND {HAS_OLDER}"),
        }
    }
}

/// Entries of the database are booked.
const IS_OPEN: &str = "fenced IS NULL AND reopening IS NULL AND held IS NULL";
/// Whether an older database of the gateway is not retired.
pub(super) const HAS_OLDER: &str = "EXISTS (SELECT 1 FROM book AS old WHERE old.site = book.site
    AND old.gateway = book.gateway AND old.in_force = 0 AND old.retired = 0)";

/// A page of the gateways, by site and name.
pub(in crate::hub) fn gateways(
    db: &mut dyn Executor,
    query: &GatewayQuery,
) -> Result<BooksPage<GatewayJson>, BooksError> {
    let condition = query.state.map(GatewayState::condition).unwrap_or_default();
    // SQLite numbers parameters in the order in which they stand.
    let (of_sites, last) = of_sites(&query.sites, 3);
    let sql = format!(
        "SELECT id, site, gateway, online, coalesce(fenced, reopening), epoch, acked_seq, known_seq,
             last_seen_ms, problem, software, pending_since_ms,
             CAST(CASE WHEN {HAS_OLDER} THEN 1 ELSE 0 END AS BIGINT), held, held_since_ms, offered_key,
             frame_lost_bytes
         FROM book WHERE in_force = 1 AND (site, gateway) > ($1, $2) {condition} {of_sites}
         ORDER BY site, gateway LIMIT ${last}"
    );
    let (site, gateway) = query.after.as_ref().map_or(("", ""), |id| (&id.site, &id.gateway));
    let limit = SqlValue::number(query.limit as u64 + 1);
    let mut values = vec![SqlValue::text(site), SqlValue::text(gateway)];
    values.extend(site_values(&query.sites));
    values.push(limit);
    let found = db.query(&sql, &values)?;
    let found = found.into_iter().map(read_gateway).collect::<Result<Vec<_>, _>>()?;
    let mut transit = transit(db, found.iter().map(|(id, ..)| *id))?;
    let with_transit = found.into_iter().map(|(id, limit, gateway)| {
        let Transit { units, without_room } = transit.remove(&id).unwrap_or_default();
        // A limit is worked around; what has no room waits.
        let problem = gateway.problem.or(without_room).or(limit);
        GatewayJson { in_transit: Amount::total(units.into_iter()), problem, ..gateway }
    });
    Ok(BooksPage::new(with_transit.collect(), query.limit, |gateway| {
        format!("{}/{}", gateway.site, gateway.gateway)
    }))
}

/// The gateways that are connected and that large frames do not reach, these many at most, and the size
/// of such frames.
pub(in crate::hub) fn size_limits(
    db: &mut dyn Executor,
    most: usize,
) -> Result<Vec<(GatewayId, u64)>, BooksError> {
    let sql = "SELECT site, gateway, frame_lost_bytes FROM book
               WHERE in_force = 1 AND online = 1 AND frame_lost_bytes IS NOT NULL
               ORDER BY site, gateway LIMIT $1";
    let found = db.query(sql, &[SqlValue::number(most as u64)])?;
    let read = |row: SqlRow| {
        let mut row = RowReader::of(row);
        Ok((GatewayId { site: row.text()?, gateway: row.text()? }, row.number()?))
    };
    found.into_iter().map(read).collect()
}

/// The condition for the gateways of some sites, whose names are parameters from `first` on, and the
/// number of the parameter after them.
pub(super) fn of_sites(sites: &Sites, first: usize) -> (String, usize) {
    match sites {
        Sites::All => (String::new(), first),
        Sites::Only(sites) => {
            let last = first + sites.len();
            let names: Vec<String> = (first..last).map(|n| format!("${n}")).collect();
            (format!("AND site IN ({})", names.join(", ")), last)
        }
    }
}

/// The parameters of [`of_sites`].
pub(super) fn site_values(sites: &Sites) -> Vec<SqlValue> {
    match sites {
        Sites::All => Vec::new(),
        Sites::Only(sites) => sites.iter().map(|site| SqlValue::text(site)).collect(),
    }
}

/// Its id, what does not get through to it, and the rest.
fn read_gateway(row: SqlRow) -> Result<(i64, Option<String>, GatewayJson), BooksError> {
    let mut row = RowReader::of(row);
    let id = row.int()?;
    let (site, gateway, online) = (row.text()?, row.text()?, row.bool()?);
    let is_fenced = row.text_or_null()?.is_some();
    let epoch = row.epoch()?.to_string();
    let (acked_seq, ledger_seq) = (row.number()?, row.number()?);
    let (last_seen, problem) = (rfc3339(row.int()?), row.text_or_null()?);
    let (version, pending_since_ms) = (row.text()?, row.int()?);
    let has_older = row.bool()?;
    let waited_ms = wall_ms().saturating_sub(pending_since_ms).max(0);
    let oldest_pending_s = (pending_since_ms > 0).then_some(waited_ms / 1_000);
    let pending = ledger_seq.saturating_sub(acked_seq);
    let drift = problem.as_deref().is_some_and(is_drift);
    let (held, since_ms) = (row.text_or_null()?, row.int()?);
    let held_since = held.as_ref().map(|_| rfc3339(since_ms));
    let state = GatewayState::of(online, is_fenced, held.is_some(), has_older).name();
    let problem = problem.or(held).or(row.blob_or_null()?.map(|_| OTHER_KEY.into()));
    // Of one that is not connected nobody knows whether it holds still.
    let lost_bytes = row.int_or_null()?.filter(|_| online);
    let limit = lost_bytes.map(|bytes| size_limit(bytes.unsigned_abs()));
    let in_transit = Amount::total(std::iter::empty());
    Ok((
        id,
        limit,
        GatewayJson {
            site,
            gateway,
            online,
            state,
            epoch,
            acked_seq,
            ledger_seq,
            version,
            pending,
            oldest_pending_s,
            in_transit,
            last_seen,
            drift,
            problem,
            held_since,
        },
    ))
}

/// What is in transit to a database.
#[derive(Default)]
struct Transit {
    units: Vec<Amount>,
    /// Why it cannot take all of it, if it cannot.
    without_room: Option<String>,
}

/// What is in transit to databases.
fn transit(
    db: &mut dyn Executor,
    ids: impl Iterator<Item = i64>,
) -> Result<BTreeMap<i64, Transit>, BooksError> {
    let rows: Vec<SqlRow> = ids.map(|id| vec![SqlValue::Int(id)]).collect();
    let mut found = BTreeMap::<i64, Transit>::new();
    if rows.is_empty() {
        return Ok(found);
    }
    let sql = format!(
        "SELECT held.book, held.sku, held.on_hand, held.in_transit, {} FROM {{keys}} AS k
         JOIN held ON held.book = k.a AND held.in_transit <> 0",
        decimals_column("held")
    );
    for row in db.query_keys(&sql, &Keys { types: &[ColumnType::Int], rows })? {
        let mut row = RowReader::of(row);
        let (book, sku) = (row.int()?, row.text()?);
        let (on_hand, in_transit, decimals) = (row.int()?, row.int()?, row.decimals()?);
        let of = found.entry(book).or_default();
        of.units.push(Amount::new(in_transit, decimals));
        if on_hand.saturating_add(in_transit) > STOCK_MAX {
            of.without_room = Some(without_room(&sku, on_hand, decimals));
        }
    }
    Ok(found)
}

/// A gateway takes transfers in their order, so the first that has no room stops all that follow.
fn without_room(sku: &str, on_hand: i64, decimals: Decimals) -> String {
    let (has, most) = (Amount::new(on_hand, decimals), Amount::new(STOCK_MAX, decimals));
    format!(
        "transfers wait: it has {has} of SKU {sku}, and with what is in transit to it that is more than {most}; sell some of it there or count it down"
    )
}

/// The databases of a gateway, the one in force first; none for an unknown gateway.
pub(in crate::hub) fn databases(
    db: &mut dyn Executor,
    gateway: &GatewayId,
) -> Result<Vec<EpochJson>, BooksError> {
    let sql = "SELECT book.epoch, book.retired, book.fenced, book.held, book.reopening,
                   book.acked_seq, book.known_seq, book.aside, book.last_seen_ms, book.problem,
                   book.device_key, book.offered_key,
                   last.seq, last.chain, last.at_ms, last.signature, last.public_key
               FROM book LEFT JOIN checkpoint AS last ON last.book = book.id AND last.part =
                   (SELECT max(part) FROM checkpoint WHERE checkpoint.book = book.id)
               WHERE book.site = $1 AND book.gateway = $2 ORDER BY book.id DESC";
    let of = [SqlValue::text(&gateway.site), SqlValue::text(&gateway.gateway)];
    let rows = db.query(sql, &of)?.into_iter().enumerate();
    rows.map(|(place, row)| read_database(place == 0, row)).collect()
}

fn read_database(in_force: bool, row: SqlRow) -> Result<EpochJson, BooksError> {
    let mut row = RowReader::of(row);
    let epoch = row.epoch()?.to_string();
    let retired = row.bool()?;
    let [fenced, held, reopening] = [row.text_or_null()?, row.text_or_null()?, row.text_or_null()?];
    let (acked_seq, known_seq) = (row.number()?, row.number()?);
    let (aside, last_seen) = (row.number()?, rfc3339(row.int()?));
    let problem = row.text_or_null()?;
    let (device, offered) = (row.bytes_or_null()?, row.bytes_or_null()?);
    let state = match (retired, in_force) {
        (true, _) => "retired",
        (false, false) => "replaced",
        (false, true) if fenced.is_some() || reopening.is_some() => "fenced",
        (false, true) if held.is_some() => "held",
        (false, true) => "open",
    };
    let problem = problem.or(held).or(offered.map(|_| OTHER_KEY.into()));
    let key = |key: [u8; 32]| hex::encode(&key);
    let (device_key, offered_key) = (device.map(key), offered.map(key));
    let checkpoint = read_checkpoint(&mut row)?;
    Ok(EpochJson {
        epoch,
        state,
        acked_seq,
        known_seq,
        aside,
        last_seen,
        problem,
        device_key,
        offered_key,
        checkpoint,
    })
}

/// What a device has signed, if it has signed anything.
fn read_checkpoint(row: &mut RowReader) -> Result<Option<CheckpointJson>, BooksError> {
    let Some(seq) = row.int_or_null()? else { return Ok(None) };
    let seq = u64::try_from(seq).unwrap_or_default();
    let (chain, at_ms, signature) = (row.bytes()?, row.int()?, row.bytes()?);
    let signed = SignedPosition { seq, chain, at_ms, signature };
    Ok(Some(CheckpointJson::new(&signed).by(row.bytes()?)))
}
