//! The routes of policies.

use std::collections::BTreeSet;

use hyper::Request;
use hyper::body::Incoming;

use super::api::HubApi;
use super::json::PolicyJson;
use super::queries::limit;
use crate::hub::core::{Policy, set_gateway_policy, set_policy};
use crate::hub::db::Locks;
use crate::hub::reader;
use crate::hub::request::gateway_id;
use crate::limits::STOCK_MAX;
use crate::net::access::Sites;
use crate::net::http::{self, parameter};
use crate::net::json::json;
use crate::net::request::read_json;
use crate::problem::{Code, Problem};
use crate::protocol::topic::GatewayId;
use crate::stock::Sku;

impl HubApi {
    pub(super) async fn policies(
        &self,
        query: Option<&str>,
        sites: &Sites,
    ) -> Result<String, Problem> {
        let (after, sites) = (parameter(query, "after").unwrap_or_default(), sites.clone());
        let limit = limit(query)?;
        let page = self.read(move |db| reader::policies(db, &after, limit, &sites)).await?;
        Ok(json(&page))
    }

    pub(super) async fn put_policy(
        &self,
        sku: &str,
        query: Option<&str>,
        request: Request<Incoming>,
        sites: &Sites,
    ) -> Result<String, Problem> {
        let (sku, of) = subject(sku, query, sites)?;
        let policy = policy(&read_json(&http::body(request).await?)?)?;
        self.save_policy(&sku, of.clone(), Some(policy)).await?;
        let Policy { low_water, target, max_per_day } = policy;
        let (site, gateway) = of.map(|id| (id.site, id.gateway)).unzip();
        Ok(json(&serde_json::json!({
            "sku": sku,
            "site": site,
            "gateway": gateway,
            "low_water": low_water,
            "target": target,
            "max_per_day": max_per_day,
        })))
    }

    pub(super) async fn end_policy(
        &self,
        sku: &str,
        query: Option<&str>,
        sites: &Sites,
    ) -> Result<String, Problem> {
        let (sku, of) = subject(sku, query, sites)?;
        let (wanted, gateway) = (sku.clone(), of.clone());
        let found = self.read(move |db| reader::policy(db, &wanted, gateway.as_ref())).await?;
        let found = found.ok_or_else(|| {
            let whom = of.as_ref().map_or("all gateways".to_owned(), ToString::to_string);
            Problem::new(Code::NotFound, format!("SKU {sku} has no policy for {whom}"))
        })?;
        self.save_policy(&sku, of, None).await?;
        Ok(json(&found))
    }

    async fn save_policy(
        &self,
        sku: &Sku,
        of: Option<GatewayId>,
        policy: Option<Policy>,
    ) -> Result<(), Problem> {
        let locks =
            Locks { gateways: of.iter().cloned().collect(), skus: BTreeSet::from([sku.clone()]) };
        let sku = sku.clone();
        self.change(locks, move |books, gateways| {
            gateways.extend(match &of {
                None => set_policy(books, &sku, policy)?,
                Some(gateway) => set_gateway_policy(books, &sku, gateway, policy)?,
            });
            Ok(())
        })
        .await
    }
}

/// What a policy is about: a SKU, for one gateway or for all.
fn subject(
    sku: &str,
    query: Option<&str>,
    sites: &Sites,
) -> Result<(Sku, Option<GatewayId>), Problem> {
    let sku = Sku::parse(sku).map_err(|error| Problem::bad_request(format!("sku: {error}")))?;
    match (parameter(query, "site"), parameter(query, "gateway")) {
        (None, None) => {
            sites.check_all("a policy for all gateways")?;
            Ok((sku, None))
        }
        (Some(site), Some(gateway)) => {
            sites.check(&site)?;
            Ok((sku, Some(gateway_id(&site, &gateway)?)))
        }
        (Some(_), None) | (None, Some(_)) => Err(Problem::bad_request(
            "site and gateway: a policy is for one gateway, with both, or for all, with neither",
        )),
    }
}

fn policy(json: &PolicyJson) -> Result<Policy, Problem> {
    let PolicyJson { low_water, target, max_per_day } = *json;
    if !(0..=STOCK_MAX).contains(&low_water) || !(low_water..=STOCK_MAX).contains(&target) {
        return Err(Problem::bad_request(format!(
            "low_water and target: must be whole numbers, 0 <= low_water <= target <= {STOCK_MAX}"
        )));
    }
    if max_per_day.is_some_and(|max| !(0..=STOCK_MAX).contains(&max)) {
        let message = format!("max_per_day: must be a whole number from 0 to {STOCK_MAX}");
        return Err(Problem::bad_request(message));
    }
    Ok(Policy { low_water, target, max_per_day })
}
