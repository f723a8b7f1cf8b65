//! The routes that change the books.

use hyper::Request;
use hyper::StatusCode;
use hyper::body::Incoming;

use super::api::HubApi;
use super::json::{AppliedJson, RecallJson};
use super::problems::{refused, rejected, with_elsewhere};
use crate::hub::core::{
    CentralDecision, RecallStatus, SkuDecimals, decide, decimals_of, recall_status,
};
use crate::hub::db::Locks;
use crate::hub::request::{CentralOperation, IdentifiedRequest};
use crate::net::access::Principal;
use crate::net::http::{self, HttpResponse};
use crate::net::json::json;
use crate::problem::Problem;
use crate::stock::{Cause, Refusal, Sku};

impl HubApi {
    /// Has a request decided; `reservation` is the one in its path.
    pub(super) async fn decide(
        &self,
        operation: CentralOperation,
        reservation: Option<String>,
        request: Request<Incoming>,
        principal: &Principal,
    ) -> Result<HttpResponse, Problem> {
        let headers = request.headers().clone();
        let body = http::body(request).await?;
        let read = IdentifiedRequest::read(operation, reservation.as_deref(), &headers, &body)?;
        if read.is_from_anywhere() {
            return self.sell_anywhere(read, principal).await.map(http::json);
        }
        if let Some(gateway) = read.request.gateway() {
            principal.sites().check(&gateway.site)?;
        }
        let request_id = read.request_id.clone();
        let cause = Cause { actor: principal.actor(), reason: read.reason.clone() };
        let skus = read.skus();
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
                let mut about = skus.clone();
                if let Ok(decision) = &decided {
                    gateways.extend_from_slice(&decision.gateways);
                    about.extend(decision.skus().cloned());
                }
                let decimals = decimals_of(books, &about)?;
                let recall = if is_recall { recall_status(books, id)? } else { None };
                Ok(Ok((decided, recall, decimals)))
            })
            .await??;
        let decision = decided.map_err(|rejection| rejected(&request_id, rejection, &decimals))?;
        let is_created = operation == CentralOperation::Reserve && !decision.replayed;
        let mut response = http::json(answer(&decision, recall.as_ref(), &decimals)?);
        if is_created {
            *response.status_mut() = StatusCode::CREATED;
        }
        Ok(response)
    }
}

pub(super) fn answer(
    decision: &CentralDecision,
    recall: Option<&RecallStatus>,
    decimals: &SkuDecimals,
) -> Result<String, Problem> {
    let CentralDecision { request_id, outcome, replayed, .. } = decision;
    if let Err(refusal) = outcome {
        let problem = refused(refusal, *replayed, decimals);
        return Err(with_elsewhere(problem, refusal, decision.elsewhere, decimals));
    }
    Ok(match recall {
        Some(status) => json(&RecallJson::new(request_id, status, Some(*replayed), decimals)),
        None => json(&AppliedJson::new(decision, decimals)),
    })
}

impl CentralDecision {
    /// The SKUs whose figures the answer has.
    fn skus(&self) -> impl Iterator<Item = &Sku> {
        let lines = self.outcome.iter().flat_map(|applied| &applied.lines);
        let refused = self.outcome.as_ref().err().and_then(Refusal::sku);
        lines.map(|line| &line.sku).chain(refused)
    }
}
