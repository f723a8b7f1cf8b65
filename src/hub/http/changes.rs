//! The routes that change the books.

use hyper::Request;
use hyper::body::Incoming;

use super::api::HubApi;
use super::json::{AppliedJson, RecallJson};
use super::problems::{refused, rejected};
use crate::hub::core::{decide, decimals_of, recall_status};
use crate::hub::db::Locks;
use crate::hub::request::{CentralOperation, IdentifiedRequest};
use crate::net::access::Principal;
use crate::net::http;
use crate::net::json::json;
use crate::problem::Problem;
use crate::stock::{Cause, Sku};

impl HubApi {
    pub(super) async fn decide(
        &self,
        operation: CentralOperation,
        request: Request<Incoming>,
        principal: &Principal,
    ) -> Result<String, Problem> {
        let headers = request.headers().clone();
        let body = http::body(request).await?;
        let read = IdentifiedRequest::read(operation, &headers, &body)?;
        if let Some(gateway) = read.request.gateway() {
            principal.sites().check(&gateway.site)?;
        }
        let request_id = read.request_id.clone();
        let cause = Cause { actor: principal.actor(), reason: read.reason.clone() };
        let skus: Vec<Sku> = read.lines.iter().map(|line| line.sku().clone()).collect();
        let locks = Locks {
            gateways: read.request.gateway().cloned().into_iter().collect(),
            skus: skus.iter().cloned().collect(),
        };
        let is_recall = operation == CentralOperation::Recall;
        let (decided, recall, decimals) = self
            .change(locks, move |books, gateways| {
                let decimals = decimals_of(books, &skus)?;
                let request = match read.scaled(&|sku| decimals.of(sku)) {
                    Ok(request) => request,
                    Err(problem) => return Ok(Err(problem)),
                };
                let id = &read.request_id;
                let decided = decide(books, id, &request, &cause)?;
                if let Ok(decision) = &decided {
                    gateways.extend_from_slice(&decision.gateways);
                }
                let recall = if is_recall { recall_status(books, id)? } else { None };
                Ok(Ok((decided, recall, decimals)))
            })
            .await??;
        let decision = decided.map_err(|rejection| rejected(&request_id, rejection, &decimals))?;
        let replayed = decision.replayed;
        let applied = decision.outcome.map_err(|refusal| refused(&refusal, replayed, &decimals))?;
        Ok(match recall {
            Some(status) => json(&RecallJson::new(&request_id, &status, Some(replayed), &decimals)),
            None => json(&AppliedJson::new(&request_id, &applied, replayed, &decimals)),
        })
    }
}
