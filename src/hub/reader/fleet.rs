//! The figures of all gateways together, for the metrics: bounded in number, however many there are.

use std::collections::BTreeMap;

use super::gateways::{GatewayState, HAS_OLDER};
use crate::hub::core::is_drift;
use crate::hub::db::BooksError;
use crate::hub::db::sql::{Executor, RowReader, SqlValue};

/// The ages that are told apart, in seconds.
pub(in crate::hub) const AGES_S: [u64; 4] = [60, 600, 3_600, 86_400];

/// For each database with units in transit, its oldest transfer, and since when that is the oldest.
pub(in crate::hub) type OldestTransfers = BTreeMap<i64, (SqlValue, i64)>;

/// What is known of the gateways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::hub) struct Fleet {
    /// By state, in the order of [`GatewayState::ALL`].
    pub(in crate::hub) states: [u64; GatewayState::ALL.len()],
    /// Those whose books or device people should look at.
    pub(in crate::hub) drift: u64,
    /// Entries that are known and not in the books.
    pub(in crate::hub) pending: u64,
    /// For how long the oldest of them has waited, of gateways that are online.
    pub(in crate::hub) oldest_pending_s: u64,
    /// Gateways that are online and whose oldest pending entry has waited longer than each of
    /// [`AGES_S`].
    pub(in crate::hub) pending_longer: [u64; AGES_S.len()],
    /// The same for their oldest transfer that is not taken.
    pub(in crate::hub) in_transit_longer: [u64; AGES_S.len()],
    /// Gateways with units in transit.
    pub(in crate::hub) in_transit: u64,
}

/// Reads the figures. `oldest` is what the last look has found, and is brought up to date.
pub(in crate::hub) fn fleet(
    db: &mut dyn Executor,
    oldest: &mut OldestTransfers,
    now_ms: i64,
) -> Result<Fleet, BooksError> {
    let sql = format!(
        "SELECT id, online, CAST(CASE WHEN coalesce(fenced, reopening) IS NULL THEN 0 ELSE 1 END AS BIGINT),
             CAST(CASE WHEN held IS NULL THEN 0 ELSE 1 END AS BIGINT),
             CAST(CASE WHEN {HAS_OLDER} THEN 1 ELSE 0 END AS BIGINT),
             problem,
             known_seq, acked_seq, pending_since_ms, landed,
             CAST(CASE WHEN EXISTS (SELECT 1 FROM held AS units
                 WHERE units.book = book.id AND units.in_transit <> 0) THEN 1 ELSE 0 END AS BIGINT)
         FROM book WHERE in_force = 1"
    );
    let (mut fleet, mut found) = (Fleet::default(), OldestTransfers::new());
    for row in db.query(&sql, &[])? {
        let mut row = RowReader::of(row);
        let id = row.int()?;
        let (online, is_fenced, is_held) = (row.bool()?, row.bool()?, row.bool()?);
        let state = GatewayState::of(online, is_fenced, is_held, row.bool()?);
        fleet.states[state as usize] += 1;
        fleet.drift += u64::from(row.text_or_null()?.is_some_and(|problem| is_drift(&problem)));
        // What a gateway says of its ledger may be any number.
        let pending = row.number()?.saturating_sub(row.number()?);
        fleet.pending = fleet.pending.saturating_add(pending);
        let pending_since_ms = row.int()?;
        let waits_online = online && pending_since_ms > 0;
        if waits_online {
            let age_s = age_s(pending_since_ms, now_ms);
            fleet.oldest_pending_s = fleet.oldest_pending_s.max(age_s);
            count_longer(&mut fleet.pending_longer, age_s);
        }
        let position = SqlValue::Blob(row.blob()?);
        if row.bool()? {
            fleet.in_transit += 1;
            let known = oldest.remove(&id).filter(|(known, _)| *known == position);
            let since_ms = known.map_or(now_ms, |(_, since_ms)| since_ms);
            if online {
                count_longer(&mut fleet.in_transit_longer, age_s(since_ms, now_ms));
            }
            found.insert(id, (position, since_ms));
        }
    }
    *oldest = found;
    Ok(fleet)
}

fn age_s(since_ms: i64, now_ms: i64) -> u64 {
    now_ms.saturating_sub(since_ms).max(0).unsigned_abs() / 1_000
}

fn count_longer(counts: &mut [u64; AGES_S.len()], age_s: u64) {
    for (count, bound_s) in counts.iter_mut().zip(AGES_S) {
        *count += u64::from(age_s > bound_s);
    }
}
