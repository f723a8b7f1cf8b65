//! The routes that remove what was made up.

use std::collections::BTreeSet;

use crate::hub::api::HubApi;
use crate::hub::api::unknown_gateway;
use crate::hub::core::{NotForgotten, forget_sku, forget_unused};
use crate::hub::db::Locks;
use crate::hub::reader;
use crate::hub::request::gateway_id;
use crate::net::http::parameter;
use crate::net::json::json;
use crate::problem::{Code, Problem};
use crate::stock::Sku;

/// SKUs that are removed at once.
const SKUS: usize = 250;

impl HubApi {
    /// Removes the databases of a gateway that have never sent an entry.
    pub(super) async fn forget_gateway(
        &self,
        site: &str,
        gateway: &str,
    ) -> Result<String, Problem> {
        let id = gateway_id(site, gateway)?;
        let unknown = unknown_gateway(&id);
        let locks = Locks { gateways: BTreeSet::from([id.clone()]), ..Locks::default() };
        let done = self.change(locks, move |books, _| forget_unused(books, &id)).await?;
        let done = done.ok_or(unknown)?;
        // One that was left aside goes on at once.
        self.call_gateways();
        Ok(json(&serde_json::json!({ "forgotten": done.forgotten, "left": done.left })))
    }

    /// Removes a SKU without units.
    pub(super) async fn forget_sku(&self, sku: &str) -> Result<String, Problem> {
        let sku = Sku::parse(sku).map_err(|error| Problem::bad_request(format!("sku: {error}")))?;
        let forgotten = sku.clone();
        let locks = Locks { skus: BTreeSet::from([sku.clone()]), ..Locks::default() };
        let done = self.change(locks, move |books, _| forget_sku(books, &forgotten)).await?;
        match done {
            Ok(()) => Ok(json(&serde_json::json!({ "forgotten": 1, "more": false }))),
            Err(why) => Err(not_forgotten(&sku, why)),
        }
    }

    /// Removes the SKUs without units that a gateway has brought, a number of them at a time.
    pub(super) async fn forget_skus(&self, query: Option<&str>) -> Result<String, Problem> {
        let name = |name: &str| parameter(query, name).unwrap_or_default();
        let id = gateway_id(&name("site"), &name("gateway"))?;
        let found = self.read(move |db| reader::unused_skus(db, &id, SKUS + 1)).await?;
        let more = found.len() > SKUS;
        let skus: Vec<Sku> = found.into_iter().take(SKUS).collect();
        let locks = Locks { skus: skus.iter().cloned().collect(), ..Locks::default() };
        let forgotten = self.change(locks, move |books, _| {
            let mut forgotten = 0;
            for sku in &skus {
                forgotten += usize::from(forget_sku(books, sku)?.is_ok());
            }
            Ok(forgotten)
        });
        Ok(json(&serde_json::json!({ "forgotten": forgotten.await?, "more": more })))
    }
}

fn not_forgotten(sku: &Sku, why: NotForgotten) -> Problem {
    let because = match why {
        NotForgotten::Unknown => {
            let message = format!("SKU {sku} is not in the books");
            return Problem::new(Code::NotFound, message);
        }
        NotForgotten::Listed => "it is in the catalogue, or was",
        NotForgotten::HasUnits => {
            "it has units, or has had some in the pool; GET /api/stock shows where"
        }
        NotForgotten::HasPolicy => "it has a policy; end that first",
    };
    Problem::new(Code::WouldDrop, format!("SKU {sku} stays: {because}"))
}
