//! The routes that change the books.

use hyper::Request;
use hyper::body::Incoming;

use super::api::HubApi;
use super::json::{AppliedJson, RecallJson};
use super::problems::{refused, rejected};
use crate::hub::core::{decide, recall_status};
use crate::hub::db::Locks;
use crate::hub::request::{CentralOperation, IdentifiedRequest};
use crate::net::access::Principal;
use crate::net::http;
use crate::net::json::json;
use crate::problem::Problem;
use crate::stock::Cause;

impl HubApi {
    pub(super) async fn decide(
        &self,
        operation: CentralOperation,
        request: Request<Incoming>,
        principal: &Principal,
    ) -> Result<String, Problem> {
        let headers = request.headers().clone();
        let body = http::body(request).await?;
        let IdentifiedRequest { request_id, request, reason } =
            IdentifiedRequest::read(operation, &headers, &body)?;
        if let Some(gateway) = request.gateway() {
            principal.sites().check(&gateway.site)?;
        }
        let cause = Cause { actor: principal.actor(), reason };
        let locks = Locks {
            gateways: request.gateway().cloned().into_iter().collect(),
            skus: request.lines().iter().map(|line| line.sku.clone()).collect(),
        };
        let (id, is_recall) = (request_id.clone(), operation == CentralOperation::Recall);
        let (decided, recall) = self
            .change(locks, move |books, gateways| {
                let decided = decide(books, &id, &request, &cause)?;
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
}
