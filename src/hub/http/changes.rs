//! The routes that change the books.

use std::collections::BTreeSet;

use hyper::Request;
use hyper::body::Incoming;

use super::api::HubApi;
use super::json::{AppliedJson, PolicyJson, RecallJson, RetireJson};
use super::problems::{no_such_database, refused, rejected, unknown_gateway};
use crate::hub::core::{Policy, decide, recall_status, repair, retire, set_policy};
use crate::hub::db::Locks;
use crate::hub::request::{CentralOperation, IdentifiedRequest, gateway_id};
use crate::limits::STOCK_MAX;
use crate::net::access::Sites;
use crate::net::http;
use crate::net::json::json;
use crate::net::request::read_json;
use crate::problem::Problem;
use crate::stock::Sku;

impl HubApi {
    pub(super) async fn decide(
        &self,
        operation: CentralOperation,
        request: Request<Incoming>,
        sites: &Sites,
    ) -> Result<String, Problem> {
        let headers = request.headers().clone();
        let body = http::body(request).await?;
        let IdentifiedRequest { request_id, request } =
            IdentifiedRequest::read(operation, &headers, &body)?;
        if let Some(gateway) = request.gateway() {
            sites.check(&gateway.site)?;
        }
        let locks = Locks {
            gateways: request.gateway().cloned().into_iter().collect(),
            skus: request.lines().iter().map(|line| line.sku.clone()).collect(),
        };
        let (id, is_recall) = (request_id.clone(), operation == CentralOperation::Recall);
        let (decided, recall) = self
            .change(locks, move |books, gateways| {
                let decided = decide(books, &id, &request)?;
                if let Ok(decision) = &decided {
                    gateways.extend_from_slice(&decision.gateways);
                }
                Ok((decided, if is_recall { recall_status(books, &id)? } else { None }))
            })
            .await?;
        let decision = decided.map_err(|rejection| rejected(&request_id, rejection))?;
        let replayed = decision.replayed;
        let applied = decision.outcome.map_err(|refusal| refused(&refusal, replayed))?;
        Ok(match recall {
            Some(status) => json(&RecallJson::new(&request_id, &status, Some(replayed))),
            None => json(&AppliedJson::new(&request_id, &applied, replayed)),
        })
    }

    pub(super) async fn set_policy(
        &self,
        sku: &str,
        request: Request<Incoming>,
    ) -> Result<String, Problem> {
        let sku = Sku::parse(sku).map_err(|error| Problem::bad_request(format!("sku: {error}")))?;
        let body = http::body(request).await?;
        let policy = policy(&read_json(&body)?)?;
        let Policy { low_water, target } = policy;
        let answer = json(&serde_json::json!({
            "sku": sku, "low_water": low_water, "target": target,
        }));
        let locks = Locks { skus: BTreeSet::from([sku.clone()]), ..Locks::default() };
        self.change(locks, move |books, gateways| {
            gateways.extend(set_policy(books, &sku, policy)?);
            Ok(())
        })
        .await?;
        Ok(answer)
    }

    pub(super) async fn retire(
        &self,
        site: &str,
        gateway: &str,
        request: Request<Incoming>,
    ) -> Result<String, Problem> {
        let gateway = gateway_id(site, gateway)?;
        let body = http::body(request).await?;
        let RetireJson { epoch } =
            if body.is_empty() { RetireJson::default() } else { read_json(&body)? };
        let retiring = gateway.clone();
        let locks = Locks { gateways: BTreeSet::from([gateway.clone()]), ..Locks::default() };
        let retired = self.change(locks, move |books, gateways| {
            gateways.push(retiring.clone());
            retire(books, &retiring, epoch)
        });
        let retired = retired.await?.map_err(|error| no_such_database(&gateway, &error))?;
        Ok(json(&serde_json::json!({
            "epoch": retired.epoch,
            "acked_seq": retired.acked_seq,
            "known_seq": retired.known_seq,
            "moved_to": retired.moved_to,
        })))
    }

    pub(super) async fn repair(&self, site: &str, gateway: &str) -> Result<String, Problem> {
        let gateway = gateway_id(site, gateway)?;
        let unknown = unknown_gateway(&gateway);
        let locks = Locks { gateways: BTreeSet::from([gateway.clone()]), ..Locks::default() };
        let repaired = self.change(locks, move |books, gateways| {
            gateways.push(gateway.clone());
            repair(books, &gateway)
        });
        let skus = repaired.await?.ok_or(unknown)?;
        Ok(json(&serde_json::json!({ "repaired": skus })))
    }
}

fn policy(json: &PolicyJson) -> Result<Policy, Problem> {
    let PolicyJson { low_water, target } = *json;
    if (0..=STOCK_MAX).contains(&low_water) && (low_water..=STOCK_MAX).contains(&target) {
        return Ok(Policy { low_water, target });
    }
    Err(Problem::bad_request(format!(
        "low_water and target: must be whole numbers, 0 <= low_water <= target <= {STOCK_MAX}"
    )))
}
