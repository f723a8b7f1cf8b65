//! What a session does with a request.

use tokio::sync::mpsc;

use super::end::SessionEnd;
use super::session::Session;
use crate::engine::intake::ReplyTo;
use crate::limits::CONNECTION_IN_FLIGHT_MAX;
use crate::net::access::{Role, authorize};
use crate::net::request::missing;
use crate::problem::Problem;
use crate::stock::Command;
use crate::terminal::feed::Subscription;
use crate::terminal::query;
use crate::terminal::request::{
    InvalidRequest, Request, SessionRequest, SubscribeRequest, role_for,
};
use crate::terminal::response::RequestResult;
use crate::terminal::wire::{MessageId, RequestMessage};

impl Session {
    /// Handles a message that has been read.
    pub(super) async fn handle_message(
        &mut self,
        message: RequestMessage,
    ) -> Result<(), SessionEnd> {
        match message {
            RequestMessage::Malformed { id, problem } => {
                let problem = self.count_request().err().unwrap_or(problem);
                self.send_error(id.as_ref(), &problem).await
            }
            RequestMessage::Decoded { id: None, .. } => self.send_error(None, &missing("id")).await,
            RequestMessage::Decoded { id: Some(id), request } => {
                if let Err(problem) = id.check_length() {
                    return self.send_error(None, &problem).await;
                }
                self.handle_request(id, request).await
            }
        }
    }

    async fn handle_request(
        &mut self,
        id: MessageId,
        request: Result<Request, InvalidRequest>,
    ) -> Result<(), SessionEnd> {
        if let Err(problem) = self.count_request() {
            return self.send_error(Some(&id), &problem).await;
        }
        match request {
            Ok(Request::Mutate(command)) => match self.submit(command, &id) {
                Ok(()) => Ok(()),
                Err(problem) => self.send_error(Some(&id), &problem).await,
            },
            Err(invalid) if invalid.is_mutation() => {
                self.send_error(Some(&id), &self.visible_problem(invalid)).await
            }
            // Boxed, so that a session that only listens does not reserve the memory for these.
            Ok(Request::Session(request)) => {
                Box::pin(self.handle_session_request(&id, Ok(request))).await
            }
            Err(invalid) => Box::pin(self.handle_session_request(&id, Err(invalid))).await,
        }
    }

    /// Counts a request against the principal's rate limit.
    fn count_request(&self) -> Result<(), Problem> {
        let Some(principal) = &self.client.principal else { return Ok(()) };
        self.context.access.count_request(principal)
    }

    /// The problem of an invalid request, or the one that the client's role is too low.
    fn visible_problem(&self, invalid: InvalidRequest) -> Problem {
        let denied = invalid.needed_role().and_then(|role| authorize(self.role(), role).err());
        denied.unwrap_or(invalid.problem)
    }

    /// Hands a command to the writer, which answers it later.
    fn submit(&mut self, mut command: Command, id: &MessageId) -> Result<(), Problem> {
        authorize(self.role(), role_for(&command.action))?;
        let principal = self.client.principal.as_ref();
        command.cause.actor = principal.and_then(|principal| principal.actor());
        // Room for every mutation in flight, so that the writer never waits for a terminal.
        let channel = || mpsc::channel(CONNECTION_IN_FLIGHT_MAX);
        let answers = self.answers.get_or_insert_with(channel).0.clone();
        let tag = self.next_tag;
        let submitted =
            self.context.intake.submit(command, ReplyTo { tag, answers }, self.in_flight.len());
        submitted.inspect_err(|_| self.context.metrics.overloaded.inc())?;
        self.next_tag += 1;
        self.in_flight.insert(tag, id.clone());
        Ok(())
    }

    /// Handles everything but a mutation. A query sees the effect of the mutations that were sent
    /// before it, so these are answered first.
    async fn handle_session_request(
        &mut self,
        id: &MessageId,
        request: Result<SessionRequest, InvalidRequest>,
    ) -> Result<(), SessionEnd> {
        self.await_in_flight().await?;
        let subscribes = matches!(request, Ok(SessionRequest::Subscribe(_)));
        let result = match request {
            Ok(request) => self.result_of(request).await,
            Err(invalid) => Err(self.visible_problem(invalid)),
        };
        let frame = result.and_then(|result| {
            let frame = self.client.format.result(id, &result, &self.context.state.origin);
            self.context.access.outgoing().hold(frame)
        });
        let frame = match frame {
            Ok(frame) => frame,
            Err(problem) => return self.send_error(Some(id), &problem).await,
        };
        self.send([frame]).await?;
        if subscribes {
            self.has_to_search = true;
            self.send_sync_status().await?;
        }
        Ok(())
    }

    async fn result_of(&mut self, request: SessionRequest) -> Result<RequestResult, Problem> {
        let may_read = authorize(self.role(), Role::Viewer);
        match request {
            SessionRequest::Auth { token } => self.authenticate(&token),
            SessionRequest::Query(query) => {
                may_read?;
                query::answer(query, &self.context, &self.client.permit).await
            }
            SessionRequest::Subscribe(request) => {
                may_read?;
                self.client.permit.walk_ready().await;
                self.subscribe(request)
            }
            SessionRequest::Unsubscribe => {
                may_read?;
                self.subscription = None;
                self.has_to_search = false;
                Ok(RequestResult::Unsubscribed)
            }
        }
    }

    fn authenticate(&mut self, token: &str) -> Result<RequestResult, Problem> {
        let principal = match self.context.access.rules().anonymous() {
            Some(principal) => principal,
            None => self.context.access.log_in(token, self.client.permit.peer())?,
        };
        let (role, name) = (principal.role(), principal.name().map(str::to_owned));
        self.client.principal = Some(principal);
        self.let_in_if_known();
        Ok(RequestResult::Role { role, name })
    }

    fn subscribe(&mut self, request: SubscribeRequest) -> Result<RequestResult, Problem> {
        let state = &self.context.state;
        // The feed has every change from here on; what changed before is searched for.
        let feed = self.context.feeds.subscribe();
        self.client.permit.spend_walk(request.filter.named_count() + 1);
        let subscription = Subscription::new(request, state, feed)?;
        let matched = subscription.matched(state);
        self.subscription = Some(subscription);
        Ok(RequestResult::Matched(matched))
    }
}
