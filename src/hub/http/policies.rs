//! The routes of policies.

use std::collections::BTreeSet;

use hyper::Request;
use hyper::body::Incoming;

use super::json::PolicyJson;
use super::queries::limit;
use crate::hub::api::HubApi;
use crate::hub::core::{Policy, decimals_of, set_gateway_policy, set_policy};
use crate::hub::db::Locks;
use crate::hub::reader::{self, PolicyOfSkuJson};
use crate::hub::request::gateway_id;
use crate::net::access::Sites;
use crate::net::http::{self, parameter};
use crate::net::json::json;
use crate::net::request::{read_json, stock_units};
use crate::problem::{Code, Problem};
use crate::protocol::topic::GatewayId;
use crate::stock::{Decimal, Decimals, Sku};

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
        let policy: PolicyJson = read_json(&http::body(request).await?)?;
        let saved = self.save_policy(&sku, of.clone(), Some(policy)).await?;
        Ok(json(&saved.map(|(policy, decimals)| PolicyOfSkuJson::new(sku, of, policy, decimals))))
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
        policy: Option<PolicyJson>,
    ) -> Result<Option<(Policy, Decimals)>, Problem> {
        let locks = Locks {
            gateways: of.iter().cloned().collect(),
            skus: BTreeSet::from([sku.clone()]),
            ..Locks::default()
        };
        let sku = sku.clone();
        self.change(locks, move |books, gateways| {
            let decimals = decimals_of(books, std::slice::from_ref(&sku))?.of(&sku);
            let scaled = policy.as_ref().map(|policy| scaled(policy, decimals)).transpose();
            let policy = match scaled {
                Ok(policy) => policy,
                Err(problem) => return Ok(Err(problem)),
            };
            gateways.extend(match &of {
                None => set_policy(books, &sku, policy)?,
                Some(gateway) => set_gateway_policy(books, &sku, gateway, policy)?,
            });
            Ok(Ok(policy.map(|policy| (policy, decimals))))
        })
        .await?
    }
}

/// What a policy is about: a SKU, for one gateway or for all.
fn subject(
    sku: &str,
    query: Option<&str>,
    sites: &Sites,
) -> Result<(Sku, Option<GatewayId>), Problem> {
    let sku = Sku::parse(sku).map_err(|error| Problem::bad_request(format!("sku: {error}")))?;
    // An empty name is a wrong one: a policy for all is asked for without names.
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

/// A policy in the smallest unit.
fn scaled(json: &PolicyJson, decimals: Decimals) -> Result<Policy, Problem> {
    let amount = |field, number: Decimal| stock_units(field, number, decimals);
    let (low_water, target) =
        (amount("low_water", json.low_water)?, amount("target", json.target)?);
    if low_water > target {
        return Err(Problem::bad_request("low_water and target: must be low_water <= target"));
    }
    let max_per_day = json.max_per_day.map(|max| amount("max_per_day", max)).transpose()?;
    Ok(Policy { low_water, target, max_per_day })
}
