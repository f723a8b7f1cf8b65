//! A replay at work: sends requests, and takes their answers.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::arguments::ReplayArguments;
use super::groups::{GroupKey, Groups, Numbered, Taken};
use super::progress::Progress;
use super::rejects::{Reject, Rejects, RowText};
use super::requests::{group_name, key, request_id, row_request};
use super::summary::Summary;
use crate::cli::client::Client;
use crate::cli::orders::Movement;
use crate::clock;
use crate::limits::CONNECTION_IN_FLIGHT_MAX;

/// How long a gateway may be unreachable, or decide nothing, before the replay gives up.
const PATIENCE: Duration = Duration::from_secs(120);
const RECONNECT_EVERY: Duration = Duration::from_millis(250);

/// A replay in progress.
pub(super) struct Run<'a, F> {
    arguments: &'a ReplayArguments,
    pub(super) client: Client,
    /// Requests without an answer, in the order in which they were made.
    waiting: VecDeque<Waiting>,
    groups: Groups<Sent>,
    unsent: usize,
    next_id: u64,
    answered: F,
    pub(super) summary: Summary,
    pub(super) rejects: Rejects,
    pub(super) progress: Progress,
    latencies_us: Vec<u32>,
    started: Instant,
    /// When the gateway decided something, or was asked while nothing was waiting.
    decided_at: Instant,
}

/// A row that is sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) text: RowText,
    pub(super) movement: Movement,
}

struct Waiting {
    id: u64,
    request: String,
    sent_at: Instant,
    /// `None` for a request of the opening stock.
    row: Option<Sent>,
}

impl<'a, F: FnMut(&Value)> Run<'a, F> {
    pub(super) async fn start(
        arguments: &'a ReplayArguments,
        rejects: Rejects,
        rows: u64,
        answered: F,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            arguments,
            client: arguments.gateway.connect().await?,
            waiting: VecDeque::new(),
            groups: Groups::new(),
            unsent: 0,
            next_id: 0,
            answered,
            summary: Summary::default(),
            rejects,
            progress: Progress::of(rows),
            latencies_us: Vec::new(),
            started: clock::instant(),
            decided_at: clock::instant(),
        })
    }

    /// The opening stock does not count in the summary.
    pub(super) fn begin_rows(&mut self) {
        self.summary = Summary { reconnects: self.summary.reconnects, ..Summary::default() };
        self.latencies_us.clear();
        self.started = clock::instant();
    }

    /// Sends a row as soon as the window has room for it.
    pub(super) async fn ask_row(&mut self, row: Sent) -> anyhow::Result<()> {
        if let Some(id) = &row.movement.id {
            let request = row_request(&row.movement, id.as_str());
            return self.ask(request, Some(row)).await;
        }
        let key = group_key(&row);
        while self.groups.is_under_way(key) {
            self.take_one_answer().await?;
        }
        let numbered = self.groups.arrive(key, row);
        self.ask_numbered(numbered).await
    }

    async fn ask_numbered(&mut self, (number, row): Numbered<Sent>) -> anyhow::Result<()> {
        let id = request_id(&group_name(&row.movement), number);
        self.ask(row_request(&row.movement, &id), Some(row)).await
    }

    /// Sends a request as soon as the window has room for it.
    pub(super) async fn ask(
        &mut self,
        mut request: Value,
        row: Option<Sent>,
    ) -> anyhow::Result<()> {
        let concurrency = self.concurrency();
        if self.waiting.len() >= concurrency {
            // Half a window at a time, so that requests share packets.
            Box::pin(self.drain_to(concurrency / 2)).await?;
        }
        self.next_id += 1;
        request["id"] = self.next_id.into();
        let (id, request, sent_at) = (self.next_id, request.to_string(), clock::instant());
        if self.waiting.is_empty() {
            self.decided_at = sent_at;
        }
        self.unsent += 1;
        let fed = self.client.feed(request.clone()).await;
        self.waiting.push_back(Waiting { id, request, sent_at, row });
        self.or_reconnect(fed).await?;
        Ok(())
    }

    fn concurrency(&self) -> usize {
        usize::from(self.arguments.concurrency).min(CONNECTION_IN_FLIGHT_MAX)
    }

    /// Waits for all answers.
    pub(super) async fn finish(&mut self) -> anyhow::Result<()> {
        self.drain_to(0).await
    }

    /// Waits until at most `left` answers are outstanding.
    async fn drain_to(&mut self, left: usize) -> anyhow::Result<()> {
        while self.waiting.len() > left {
            self.take_one_answer().await?;
        }
        Ok(())
    }

    async fn take_one_answer(&mut self) -> anyhow::Result<()> {
        if self.unsent > 0 {
            self.unsent = 0;
            let flushed = self.client.flush().await;
            self.or_reconnect(flushed).await?;
        }
        let received = self.client.receive().await;
        match self.or_reconnect(received).await? {
            Some(answer) => self.take_answer(&answer).await,
            None => Ok(()),
        }
    }

    async fn take_answer(&mut self, answer: &Value) -> anyhow::Result<()> {
        let Some(place) = self.waiting.iter().position(|waiting| answer["id"] == waiting.id) else {
            return Ok(());
        };
        let code = answer["error"]["code"].as_str();
        match code {
            Some("overloaded" | "storage_unavailable") => {
                self.ensure_progress(place, &answer["error"])?;
                return self.repeat(place).await;
            }
            Some("unauthorized" | "forbidden") => {
                return Err(self.client.refusal(&answer["error"]));
            }
            Some(_) | None => {}
        }
        let Waiting { sent_at, row, .. } = self.waiting.remove(place).expect("it was just found");
        self.decided_at = clock::instant();
        let micros = sent_at.elapsed().as_micros();
        self.latencies_us.push(u32::try_from(micros).unwrap_or(u32::MAX));
        match row {
            Some(row) => {
                self.take_row_answer(row, answer, code).await?;
                self.progress.show(&self.summary);
            }
            None => self.count(answer, code),
        }
        Ok(())
    }

    /// Gives up if nothing has been decided for long: what keeps the gateway from it does not pass,
    /// such as a SKU whose record is lost.
    fn ensure_progress(&self, place: usize, error: &Value) -> anyhow::Result<()> {
        if self.decided_at.elapsed() <= PATIENCE {
            return Ok(());
        }
        let row = self.waiting[place].row.as_ref().map(|row| &row.text);
        let row = row.map_or("the opening stock".into(), RowText::place);
        let (why, seconds) = (self.client.refusal(error), PATIENCE.as_secs());
        bail!(
            "{row}: {why}; nothing was decided for {seconds} s. See to the gateway (stockgate doctor), then run the same replay again"
        )
    }

    /// Sends a request again that was not decided, because the gateway could not just then.
    async fn repeat(&mut self, place: usize) -> anyhow::Result<()> {
        tokio::time::sleep(RECONNECT_EVERY).await;
        let again = self.client.feed(self.waiting[place].request.clone()).await;
        self.unsent += 1;
        self.or_reconnect(again).await?;
        Ok(())
    }

    async fn take_row_answer(
        &mut self,
        row: Sent,
        answer: &Value,
        code: Option<&str>,
    ) -> anyhow::Result<()> {
        let taken = match code {
            Some("idempotency_conflict") => Taken::Other,
            Some("bad_request" | "too_large") => Taken::Nobody,
            Some(_) | None => Taken::Mine,
        };
        let is_numbered = row.movement.id.is_none();
        if taken != Taken::Other || !is_numbered {
            self.count(answer, code);
            if code.is_some() {
                self.reject(&row, &answer["error"])?;
            }
            (self.answered)(answer);
        }
        let next = is_numbered.then(|| self.groups.answered(group_key(&row), row, taken));
        match next.flatten() {
            Some(numbered) => Box::pin(self.ask_numbered(numbered)).await,
            None => Ok(()),
        }
    }

    /// Counts the rows whose numbers an earlier run has given to other quantities.
    pub(super) fn reject_left_over(&mut self) -> anyhow::Result<()> {
        let mut left_over: Vec<Sent> = self.groups.left_over().collect();
        left_over.sort_by_key(|row| row.text.line);
        for row in left_over {
            let answer = serde_json::json!({"ok": false, "error": {
                "code": "idempotency_conflict",
                "message": "an earlier replay had other rows of this order and SKU; one of them was changed or removed, and this row may be that one, so nothing was booked for it",
            }});
            self.count(&answer, Some("idempotency_conflict"));
            self.reject(&row, &answer["error"])?;
            (self.answered)(&answer);
        }
        Ok(())
    }

    fn reject(&mut self, row: &Sent, error: &Value) -> anyhow::Result<()> {
        let text = |key: &str| error[key].as_str().unwrap_or("?").to_owned();
        let (code, reason) = (text("code"), text("message"));
        self.rejects.add(Reject { row: row.text.clone(), code, reason })
    }

    fn count(&mut self, answer: &Value, code: Option<&str>) {
        let replayed = |part: &Value| part["replayed"] == true;
        if replayed(&answer["result"]) || replayed(&answer["error"]) {
            self.summary.replayed += 1;
        } else if let Some(code) = code {
            *self.summary.refused.entry(code.into()).or_default() += 1;
        } else {
            self.summary.applied += 1;
        }
    }

    /// After the connection broke: connects again and repeats the requests without an answer.
    async fn or_reconnect<T>(&mut self, result: anyhow::Result<T>) -> anyhow::Result<Option<T>> {
        let mut error = match result {
            Ok(value) => return Ok(Some(value)),
            Err(error) => error,
        };
        let broken_at = clock::instant();
        loop {
            if broken_at.elapsed() > PATIENCE {
                return Err(error)
                    .context("the gateway is still unreachable; run the same replay again later");
            }
            tokio::time::sleep(RECONNECT_EVERY).await;
            match self.reconnect().await {
                Ok(()) => break,
                Err(again) => error = again,
            }
        }
        self.summary.reconnects += 1;
        Ok(None)
    }

    async fn reconnect(&mut self) -> anyhow::Result<()> {
        self.client = self.arguments.gateway.connect().await?;
        for waiting in &self.waiting {
            self.client.feed(waiting.request.clone()).await?;
        }
        self.unsent = 0;
        // Nothing could be decided while the gateway was away.
        self.decided_at = clock::instant();
        self.client.flush().await
    }

    /// The summary, with the rejects.
    pub(super) fn summarize(mut self) -> anyhow::Result<Summary> {
        self.progress.end(&self.summary);
        self.rejects.flush()?;
        let summary =
            Summary { rejected: self.rejects.wrong, rejects: self.rejects.listed, ..self.summary };
        Ok(summary.with_times(self.started.elapsed().as_secs_f64(), self.latencies_us))
    }
}

fn group_key(row: &Sent) -> GroupKey {
    key(&group_name(&row.movement))
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt as _, StreamExt as _};
    use serde_json::json;
    use tokio::net::TcpListener;
    use tokio_tungstenite::accept_async;
    use tokio_tungstenite::tungstenite::Message;

    use super::*;
    use crate::cli::client::GatewayArguments;
    use crate::cli::replay::Plan;

    /// A gateway that decides nothing; returns its address.
    async fn damaged_gateway() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let mut socket = accept_async(listener.accept().await.unwrap().0).await.unwrap();
            socket.send(Message::text(r#"{"event":"hello"}"#)).await.unwrap();
            while let Some(Ok(Message::Text(request))) = socket.next().await {
                let request: Value = serde_json::from_str(&request).unwrap();
                let error = json!({"code": "storage_unavailable", "message": "BOOK is lost"});
                let answer = json!({"id": request["id"], "ok": false, "error": error});
                socket.send(Message::text(answer.to_string())).await.unwrap();
            }
        });
        url
    }

    #[tokio::test]
    async fn a_row_that_is_never_decided_ends_the_replay_in_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("orders.csv");
        std::fs::write(&file, "order_id,sku,quantity\nA,BOOK,1\n").unwrap();
        let url = damaged_gateway().await;
        let gateway = GatewayArguments { url, token_file: None, ca_file: None };
        let arguments = ReplayArguments::demo(file, gateway);
        let row = arguments.rows().unwrap().next().unwrap().unwrap();
        let movement = Plan::default().check(&row).unwrap().clone();
        let mut run = Run::start(&arguments, Rejects::default(), 1, |_| {}).await.unwrap();
        run.ask_row(Sent { text: RowText::of(&row), movement }).await.unwrap();
        run.take_one_answer().await.unwrap();
        run.decided_at -= PATIENCE;
        let error = run.finish().await.unwrap_err().to_string();
        assert!(error.starts_with("line 2: BOOK: BOOK is lost (storage_unavailable)"), "{error}");
    }
}
