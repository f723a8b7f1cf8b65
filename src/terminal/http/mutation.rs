//! Mutations over HTTP: one request, one command, one answer.

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use tokio::sync::mpsc;

use crate::engine::intake::{ReplyTo, SubmitError};
use crate::net::http::{self, ConnectionPermit, HttpResponse};
use crate::net::request::idempotency_key;
use crate::problem::Problem;
use crate::stock::{Command, Decided};
use crate::terminal::context::TerminalContext;
use crate::terminal::request::Mutation;
use crate::terminal::response::AppliedMutation;
use crate::terminal::wire::json::{applied_json, read_mutation};

impl TerminalContext {
    /// Reads a mutation from the body, and from the path the id of the reservation that it is
    /// about, and has it decided.
    pub(super) async fn mutate(
        &self,
        request: Request<Incoming>,
        permit: &ConnectionPermit,
        mutation: Mutation,
        reservation: Option<&str>,
    ) -> Result<HttpResponse, Problem> {
        let principal = self.access.admit(request.headers(), permit, mutation.needed_role())?;
        let key = idempotency_key(request.headers())?;
        let body = http::body(request).await?;
        let read_by = self.state.catalogue();
        let mut command =
            read_mutation(mutation, &body, key, reservation, &|sku| self.state.decimals(sku))?;
        command.read_by = Some(read_by);
        command.cause.actor = principal.actor();
        let decided = self.decide(command).await?;
        let mut response = http::json(applied_json(&AppliedMutation::of(&decided, &|sku| {
            self.state.decimals(sku)
        })?));
        if mutation == Mutation::Reserve && !decided.replayed {
            *response.status_mut() = StatusCode::CREATED;
        }
        Ok(response)
    }

    async fn decide(&self, command: Command) -> Result<Decided, Problem> {
        let (answers, mut replies) = mpsc::channel(1);
        let submitted = self.intake.submit(command, ReplyTo { tag: 0, answers }, 0);
        submitted.inspect_err(|_| self.metrics.overloaded.inc())?;
        let reply = replies.recv().await.and_then(|mut replies| replies.pop());
        Ok(reply.ok_or(SubmitError::Stopping)?.answer??)
    }
}
