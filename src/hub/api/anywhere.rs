//! Sales from anywhere: the answer waits until the sale is decided.

use std::time::Duration;

use tokio::time::Instant;

use super::HubApi;
use super::decide::Decided;
use super::problems::rejected;
use crate::clock::instant;
use crate::hub::core::{
    Books, CentralDecision, Progress, SkuDecimals, decimals_of, sale_was_refused, sell,
};
use crate::hub::db::Locks;
use crate::hub::request::IdentifiedRequest;
use crate::net::access::Principal;
use crate::net::request::DecimalsOf;
use crate::problem::{Code, Problem};
use crate::stock::{Cause, Decimals, Sku};

const OPEN: &str = "the sale is open and is decided within its time, but that cannot be followed now; send it again with the same request id";
const STOPS: &str =
    "the hub stops; the sale is decided all the same, send it again with the same request id";
/// The shortest time between two looks at a sale that waits.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A sale that waits is looked at again when it is decided, and at this time at the latest.
struct Waiting {
    until_ms: i64,
    is_new: bool,
}

impl HubApi {
    /// Has a sale from anywhere decided, within the time that it names.
    pub(super) async fn sell_anywhere(
        &self,
        read: IdentifiedRequest,
        principal: &Principal,
    ) -> Result<Decided, Problem> {
        let cause = Cause { actor: principal.actor(), reason: read.reason.clone() };
        let (mut is_first, mut is_open) = (false, false);
        loop {
            let looked = Instant::from_std(instant());
            let mut decision = self.open_sales.follow(&read.request_id);
            let (decimals, progress) = match self.look_at(&read, &cause).await {
                Ok(seen) => seen,
                Err(Problem { code: Code::Overloaded | Code::StorageUnavailable, .. })
                    if is_open =>
                {
                    return Err(Problem::new(Code::StorageUnavailable, OPEN));
                }
                Err(problem) => return Err(problem),
            };
            let waiting = match progress {
                Ok(decision) => {
                    // If another job has decided it, this is the first answer all the same.
                    let replayed = decision.replayed && !is_first;
                    let decision = CentralDecision { replayed, ..decision };
                    return Ok(Decided { decision, recall: None, decimals });
                }
                Err(waiting) => waiting,
            };
            is_first |= waiting.is_new;
            is_open = true;
            let left_ms = u64::try_from(waiting.until_ms - self.clock.now_ms()).unwrap_or(0);
            let next = looked + Duration::from_millis(left_ms).max(LOOK_EVERY);
            let mut stop = self.feed.stop();
            tokio::select! {
                () = decision.made() => {}
                () = tokio::time::sleep_until(next) => {}
                () = stop.requested() => {
                    return Err(Problem::new(Code::StorageUnavailable, STOPS));
                }
            }
        }
    }

    async fn look_at(
        &self,
        read: &IdentifiedRequest,
        cause: &Cause,
    ) -> Result<(SkuDecimals, Result<CentralDecision, Waiting>), Problem> {
        let (read, cause) = (read.clone(), cause.clone());
        let request_id = read.request_id.clone();
        let skus: Vec<Sku> = read.skus();
        let locks = Locks { skus: skus.iter().cloned().collect(), ..Locks::default() };
        let (decimals, sold) = self
            .change(locks, move |books, gateways| {
                let mut decimals = decimals_of(books, &skus)?;
                if is_refused_in_whole_units(books, &read, &decimals, &cause)? {
                    decimals = SkuDecimals::default();
                }
                let sale = match read.sale(&|sku| decimals.of(sku)) {
                    Ok(sale) => sale,
                    Err(problem) => return Ok(Err(problem)),
                };
                let sold = sell(books, &read.request_id, &sale, &cause)?;
                match &sold {
                    Ok(Progress::Decided(decision)) => {
                        gateways.extend_from_slice(&decision.gateways);
                    }
                    Ok(Progress::Waiting { gateways: transferred, .. }) => {
                        gateways.extend_from_slice(transferred);
                    }
                    Err(_) => {}
                }
                Ok(Ok((decimals, sold)))
            })
            .await??;
        let progress = sold.map_err(|rejection| rejected(&request_id, rejection, &decimals))?;
        Ok((
            decimals,
            match progress {
                Progress::Decided(decision) => Ok(*decision),
                Progress::Waiting { until_ms, is_new, .. } => Err(Waiting { until_ms, is_new }),
            },
        ))
    }
}

/// Whether the sale was refused in whole units, and not as it is read with the decimals of today. Then it
/// is refused again, whatever decimals the catalogue has given its SKUs since.
fn is_refused_in_whole_units<B: Books>(
    books: &mut B,
    read: &IdentifiedRequest,
    today: &SkuDecimals,
    cause: &Cause,
) -> Result<bool, B::Error> {
    let mut is_refused = |decimals: DecimalsOf<'_>| match read.sale(decimals) {
        Ok(sale) => sale_was_refused(books, &read.request_id, &sale, cause),
        Err(_) => Ok(false),
    };
    Ok(!is_refused(&|sku| today.of(sku))? && is_refused(&|_| Decimals::default())?)
}
