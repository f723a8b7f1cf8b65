//! The routes that change the books.

use hyper::Request;
use hyper::StatusCode;
use hyper::body::Incoming;

use super::json::RecallJson;
use crate::hub::api::{Decided, HubApi};
use crate::hub::request::{CentralOperation, IdentifiedRequest};
use crate::net::access::Principal;
use crate::net::http::{self, HttpResponse};
use crate::net::json::json;
use crate::problem::Problem;

impl HubApi {
    /// Has a request decided; `reservation` is the one in its path.
    pub(super) async fn decide_request(
        &self,
        operation: CentralOperation,
        reservation: Option<String>,
        request: Request<Incoming>,
        principal: &Principal,
    ) -> Result<HttpResponse, Problem> {
        let headers = request.headers().clone();
        let body = http::body(request).await?;
        let read = IdentifiedRequest::read(operation, reservation.as_deref(), &headers, &body)?;
        let decided = self.decide(operation, read, principal).await?;
        let is_created = operation == CentralOperation::Reserve && !decided.decision.replayed;
        let mut response = http::json(answer(&decided)?);
        if is_created {
            *response.status_mut() = StatusCode::CREATED;
        }
        Ok(response)
    }
}

fn answer(decided: &Decided) -> Result<String, Problem> {
    let applied = decided.applied()?;
    let Decided { decision, recall, decimals } = decided;
    Ok(match recall {
        Some(status) => {
            let replayed = Some(decision.replayed);
            json(&RecallJson::new(&decision.request_id, status, replayed, decimals))
        }
        None => json(&applied),
    })
}
