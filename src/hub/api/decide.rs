//! Has central requests decided by the hub's writer.

use super::HubApi;
use super::applied::Applied;
use super::problems::{refused, rejected, with_elsewhere};
use crate::hub::core::{
    Books, CentralDecision, CentralRequest, RecallStatus, SkuDecimals, decide, decimals_of,
    recall_status, was_refused,
};
use crate::hub::db::Locks;
use crate::hub::request::{CentralOperation, IdentifiedRequest};
use crate::net::access::Principal;
use crate::net::request::DecimalsOf;
use crate::problem::Problem;
use crate::stock::{Cause, Decimals, Refusal, Sku};

/// A decision, after its commit.
#[derive(Debug)]
pub(in crate::hub) struct Decided {
    pub(in crate::hub) decision: CentralDecision,
    /// Of a recall.
    pub(in crate::hub) recall: Option<RecallStatus>,
    /// Of the SKUs whose figures the answer has.
    pub(in crate::hub) decimals: SkuDecimals,
}

impl Decided {
    /// What was booked.
    ///
    /// # Errors
    /// The refusal, if the request was refused.
    pub(in crate::hub) fn applied(&self) -> Result<Applied<'_>, Problem> {
        let Self { decision, decimals, .. } = self;
        match &decision.outcome {
            Ok(_) => Ok(Applied::new(decision, decimals)),
            Err(refusal) => {
                let problem = refused(refusal, decision.replayed, decimals);
                Err(with_elsewhere(problem, refusal, decision.elsewhere, decimals))
            }
        }
    }
}

impl HubApi {
    /// Has a request decided.
    ///
    /// # Errors
    /// If it was not decided. A refusal is a decision.
    pub(in crate::hub) async fn decide(
        &self,
        operation: CentralOperation,
        read: IdentifiedRequest,
        principal: &Principal,
    ) -> Result<Decided, Problem> {
        if read.is_from_anywhere() {
            return self.sell_anywhere(read, principal).await;
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
            requests: [read.request_id.clone()].into(),
        };
        let is_recall = operation == CentralOperation::Recall;
        let (decided, recall, decimals) = self
            .change(locks, move |books, gateways| {
                let id = &read.request_id;
                let decimals = decimals_of(books, &skus)?;
                if let Some(refused) = refused_in_whole_units(books, &read, &decimals, &cause)? {
                    let again = decide(books, id, &refused, &cause)?;
                    return Ok(Ok((again, None, SkuDecimals::default())));
                }
                let request = match read.scaled(&|sku| decimals.of(sku)) {
                    Ok(request) => request,
                    Err(problem) => return Ok(Err(problem)),
                };
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
        Ok(Decided { decision, recall, decimals })
    }
}

/// The request in whole units, if it was refused in these, and not as it is read with the decimals of
/// today. Then it is refused again, whatever decimals the catalogue has given its SKUs since.
fn refused_in_whole_units<B: Books>(
    books: &mut B,
    read: &IdentifiedRequest,
    today: &SkuDecimals,
    cause: &Cause,
) -> Result<Option<CentralRequest>, B::Error> {
    if read.lines.is_none() {
        return Ok(None);
    }
    let mut refused = |decimals: DecimalsOf<'_>| {
        let Ok(request) = read.scaled(decimals) else { return Ok(None) };
        let is_refused = was_refused(books, &read.request_id, &request, cause)?;
        Ok(Some(request).filter(|_| is_refused))
    };
    match refused(&|sku| today.of(sku))? {
        Some(_) => Ok(None),
        None => refused(&|_| Decimals::default()),
    }
}

impl CentralDecision {
    /// The SKUs whose figures the answer has.
    fn skus(&self) -> impl Iterator<Item = &Sku> {
        let lines = self.outcome.iter().flat_map(|applied| &applied.lines);
        let refused = self.outcome.as_ref().err().and_then(Refusal::sku);
        lines.map(|line| &line.sku).chain(refused)
    }
}
