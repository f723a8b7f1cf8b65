//! A client of the HTTP port.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

use super::terminal::{Outcome, Terminal};

const ANSWER_LIMIT: Duration = Duration::from_secs(60);
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The HTTP status of each error code.
const STATUSES: &[(&str, u16)] = &[
    ("bad_request", 400),
    ("unauthorized", 401),
    ("forbidden", 403),
    ("not_found", 404),
    ("unknown_sku", 404),
    ("unknown_code", 404),
    ("bad_code", 422),
    ("unknown_request", 404),
    ("unknown_reservation", 404),
    ("method_not_allowed", 405),
    ("insufficient_stock", 409),
    ("below_reserved", 409),
    ("exceeds_deduction", 409),
    ("reservation_expired", 409),
    ("reservation_closed", 409),
    ("gateway_closed", 409),
    ("would_drop", 409),
    ("gone", 410),
    ("too_large", 413),
    ("idempotency_conflict", 422),
    ("unsupported_media_type", 415),
    ("overloaded", 429),
    ("throttled", 429),
    ("storage_unavailable", 503),
];

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The answer as an error in the form of RFC 9457.
    pub fn problem(&self) -> Value {
        let problem = self.json();
        assert_eq!(self.content_type, "application/problem+json", "{problem}");
        assert_eq!(problem["status"], self.status, "{problem}");
        for field in ["type", "title", "detail", "code"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
        assert_eq!(problem["message"], problem["detail"], "{problem}");
        assert_eq!(Some(self.status), status_of(&problem), "the status of {problem}");
        problem
    }

    pub fn refused(&self, code: &str) -> Value {
        let problem = self.problem();
        assert_eq!(problem["code"], code, "{problem}");
        problem
    }
}

#[derive(Clone)]
pub struct Http {
    agent: Agent,
    base: String,
    headers: Vec<(String, String)>,
}

impl Http {
    pub fn new(base: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_LIMIT))
            // A connection from before a restart would fail the first request after it.
            .max_idle_connections(0)
            .proxy(None)
            .build();
        Self { agent: config.new_agent(), base: base.to_owned(), headers: Vec::new() }
    }

    /// The same client with one more header.
    pub fn with_header(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    pub fn with_token(&self, token: &str) -> Self {
        self.with_header("Authorization", &format!("Bearer {token}"))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send_raw("POST", path, body.to_string().as_bytes())
    }

    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.send_raw("PUT", path, body.to_string().as_bytes())
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None)
    }

    /// The value of a metric without labels.
    pub fn metric(&self, name: &str) -> u64 {
        let page = self.get("/metrics").text;
        let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in {page}")).parse().expect("a whole number")
    }

    pub fn send_raw(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.send(method, path, Some(body))
    }

    pub fn send(&self, method: &str, path: &str, body: Option<&[u8]>) -> Answer {
        self.try_send(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        body: Option<&[u8]>,
    ) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let response = match body {
            Some(body) => {
                self.agent.run(request.header("Content-Type", "application/json").body(body)?)?
            }
            None => self.agent.run(request.body(())?)?,
        };
        to_answer(response)
    }
}

impl Terminal for Http {
    fn call(&mut self, op: &str, body: Value) -> Outcome {
        self.try_call(op, body).unwrap_or_else(|error| panic!("{op}: {error}"))
    }
}

impl Http {
    /// Like `call`; a connection that ends before the answer is an error.
    pub fn try_call(&self, op: &str, body: Value) -> Result<Outcome, ureq::Error> {
        let answer = match route(op, body) {
            Route::Query(path) => self.try_send("GET", &path, None)?,
            Route::Release(path, None) => self.try_send("DELETE", &path, None)?,
            Route::Release(path, Some(key)) => {
                self.with_header("Idempotency-Key", &key).try_send("DELETE", &path, None)?
            }
            Route::Mutation(path, body) => {
                self.try_send("POST", &path, Some(body.to_string().as_bytes()))?
            }
        };
        Ok(to_outcome(op, &answer))
    }
}

fn to_outcome(op: &str, answer: &Answer) -> Outcome {
    if answer.status >= 400 {
        return Err(answer.problem());
    }
    let result = answer.json();
    let is_new_reservation = op == "reserve" && result["replayed"] == false;
    assert_eq!(answer.status, if is_new_reservation { 201 } else { 200 }, "{result}");
    assert_eq!(answer.content_type, "application/json", "{result}");
    Ok(result)
}

enum Route {
    Query(String),
    Mutation(String, Value),
    /// The path and, because a DELETE has no body, the request id for the header.
    Release(String, Option<String>),
}

fn route(op: &str, mut body: Value) -> Route {
    match op {
        "get" => Route::Query(format!("/api/stock/{}", take(&mut body, "sku").unwrap())),
        "list" => Route::Query(format!("/api/stock?{}", query(&body))),
        "ledger" => Route::Query(format!("/api/ledger?{}", query(&body))),
        "status" => Route::Query("/api/status".to_owned()),
        "resolve" => Route::Query(format!("/api/barcodes/{}", take(&mut body, "code").unwrap())),
        "reservations" => Route::Query(format!("/api/reservations?{}", query(&body))),
        "reservation" => {
            Route::Query(format!("/api/reservations/{}", take(&mut body, "reservation").unwrap()))
        }
        "reserve" => Route::Mutation("/api/reservations".to_owned(), body),
        "commit" | "extend" => {
            let id = take(&mut body, "reservation").unwrap();
            Route::Mutation(format!("/api/reservations/{id}/{op}"), body)
        }
        "release" => {
            let id = take(&mut body, "reservation").unwrap();
            let key = body["request_id"].as_str().map(str::to_owned);
            Route::Release(format!("/api/reservations/{id}"), key)
        }
        "merge" | "hide" => Route::Mutation(format!("/api/skus/{op}"), body),
        _ => Route::Mutation(format!("/api/stock/{op}"), body),
    }
}

/// Removes a field from the body and returns it encoded for a path.
fn take(body: &mut Value, field: &str) -> Option<String> {
    let value = body.as_object_mut()?.remove(field)?;
    Some(encode(value.as_str()?))
}

fn query(fields: &Value) -> String {
    let fields = fields.as_object().unwrap();
    let pairs = fields.iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{name}={}", encode(&text))
    });
    pairs.collect::<Vec<_>>().join("&")
}

pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn to_answer(mut response: Response<Body>) -> Result<Answer, ureq::Error> {
    let content_type = response.headers().get("content-type");
    let content_type = content_type.map_or("", |value| value.to_str().unwrap()).to_owned();
    let headers = response.headers().iter().map(|(name, value)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let headers = headers.collect();
    let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string()?;
    Ok(Answer { status: response.status().as_u16(), content_type, headers, text })
}

fn status_of(problem: &Value) -> Option<u16> {
    STATUSES.iter().find(|(code, _)| problem["code"] == *code).map(|(_, status)| *status)
}
