//! The routes that take gateways on again: after older books were put back, or after a fence.

use std::collections::BTreeSet;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use serde_json::json;
use uuid::Uuid;

use super::json::{RecoveredJson, ReopenJson};
use super::no_fields;
use crate::hub::api::HubApi;
use crate::hub::api::no_such_database;
use crate::hub::core::{NotReopened, recover, reopen};
use crate::hub::db::Locks;
use crate::hub::reader::{self, RecoveryProgress};
use crate::hub::request::gateway_id;
use crate::net::http;
use crate::net::json::json as text;
use crate::net::request::read_json;
use crate::problem::{Code, Problem};
use crate::stock::{Amount, Decimals};

/// How often it is looked whether the gateways concerned have sent their ledgers, and how long an
/// answer waits between.
const LOOKS: u32 = 30;
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

impl HubApi {
    /// Recovers the books, and waits a little for the gateways that are online.
    pub(super) async fn recover(&self, request: Request<Incoming>) -> Result<String, Problem> {
        no_fields(request).await?;
        let recovery = self.change(Locks::default(), |books, gateways| {
            let recovery = recover(books)?;
            gateways.extend_from_slice(&recovery.gateways);
            Ok(recovery)
        });
        let recovery = recovery.await?;
        let generation = recovery.books.generation;
        self.call_gateways();
        let mut progress = self.read(move |db| reader::recovery(db, generation)).await?;
        for _ in 0..LOOKS {
            if progress.waiting == 0 {
                break;
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
            progress = self.read(move |db| reader::recovery(db, generation)).await?;
        }
        let RecoveryProgress { waiting, transfers, units } = match recovery.gateways.as_slice() {
            // Nothing was held: the rest is what the last recovery has come to.
            [] => RecoveryProgress { waiting: progress.waiting, ..RecoveryProgress::default() },
            _ => progress,
        };
        let (books, gateways) = (recovery.books.books, recovery.gateways.len());
        let units = Amount::sum(units, Decimals::MOST);
        Ok(text(&RecoveredJson { books, generation, gateways, transfers, units, waiting }))
    }

    /// Lets a fenced database show that its ledger continues the books, and waits a little for it.
    pub(super) async fn reopen(
        &self,
        site: &str,
        gateway: &str,
        request: Request<Incoming>,
    ) -> Result<String, Problem> {
        let gateway = gateway_id(site, gateway)?;
        let body = http::body(request).await?;
        let ReopenJson { epoch } = read_json(&body)?;
        let locks = Locks { gateways: BTreeSet::from([gateway.clone()]), ..Locks::default() };
        let of = gateway.clone();
        let reopened = self.change(locks, move |books, gateways| {
            gateways.push(of.clone());
            reopen(books, &of, epoch)
        });
        reopened.await?.map_err(|error| match error {
            NotReopened::NoSuchEpoch(error) => no_such_database(&gateway, &error),
            NotReopened::Retired => closed(epoch, "is retired: what it held may be elsewhere"),
            NotReopened::Replaced => closed(epoch, "was replaced by a newer database"),
        })?;
        self.call_gateways();
        for look in 0.. {
            let of = gateway.clone();
            let found = self.read(move |db| reader::reopening(db, &of, epoch)).await?;
            let (state, problem) = found.unwrap_or(("open", None));
            if state != "reopening" || look == LOOKS {
                return Ok(text(&json!({
                    "site": gateway.site, "gateway": gateway.gateway, "epoch": epoch,
                    "state": state, "problem": problem,
                })));
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        unreachable!("the loop ends by returning")
    }
}

fn closed(epoch: Uuid, why: &str) -> Problem {
    Problem::new(Code::GatewayClosed, format!("the database {epoch} {why}"))
}
