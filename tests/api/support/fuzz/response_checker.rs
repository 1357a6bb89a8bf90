//! Checks that hold for every response, whatever the request was.

use std::collections::HashSet;

use gigway::graphql::error::ErrorCode;
use serde_json::Value;

use super::fixtures::Fixtures;
use super::raw_http::{Ending, Request, Response, contains};

/// Error codes that a client can cause. Any other code means a bug or an outage.
const CLIENT_ERROR_CODES: [ErrorCode; 22] = [
    ErrorCode::Unauthenticated,
    ErrorCode::Forbidden,
    ErrorCode::NotFound,
    ErrorCode::BadUserInput,
    ErrorCode::GraphqlParseFailed,
    ErrorCode::GraphqlValidationFailed,
    ErrorCode::RateLimited,
    ErrorCode::InvalidCursor,
    ErrorCode::CursorExpired,
    ErrorCode::QueryTooComplex,
    ErrorCode::BadRequest,
    ErrorCode::MethodNotAllowed,
    ErrorCode::NotAcceptable,
    ErrorCode::UnsupportedMediaType,
    ErrorCode::PayloadTooLarge,
    ErrorCode::PreflightRequired,
    ErrorCode::PersistedQueryNotFound,
    ErrorCode::PersistedQueryNotSupported,
    ErrorCode::DocumentNotTrusted,
    ErrorCode::IdempotencyKeyInUse,
    ErrorCode::IdempotencyKeyReused,
    ErrorCode::IdempotentAnswerLost,
];

/// Texts that reveal internals.
const INTERNAL_TEXTS: [&str; 14] = [
    "sqlx",
    "sea_orm",
    "SQLSTATE",
    "SELECT ",
    "INSERT ",
    "panicked",
    "src/",
    ".rs:",
    "RUST_BACKTRACE",
    "/home/",
    "tokio",
    "serde",
    "argon2",
    "DbErr",
];

/// What a valid response says about its request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResponseSummary {
    /// Whether the operation was executed, with or without errors.
    pub was_executed: bool,
    /// Whether the response has data.
    pub has_data: bool,
}

impl ResponseSummary {
    fn merge(self, other: Self) -> Self {
        Self {
            was_executed: self.was_executed || other.was_executed,
            has_data: self.has_data || other.has_data,
        }
    }
}

pub struct ResponseChecker {
    codes: HashSet<&'static str>,
    /// Texts that no response may contain, unless the request contains them.
    forbidden_texts: Vec<String>,
    /// Texts that only responses to the reviewer may contain.
    reviewer_secrets: Vec<String>,
}

type Result<T> = std::result::Result<T, String>;

impl ResponseChecker {
    /// `secrets` are more texts that no response may contain.
    pub fn new(fixtures: &Fixtures, secrets: &[String]) -> Self {
        let internal_texts = INTERNAL_TEXTS.iter().map(|text| (*text).to_owned());
        Self {
            codes: CLIENT_ERROR_CODES.iter().map(Into::into).collect(),
            forbidden_texts: internal_texts.chain(fixtures.secrets.clone()).chain(secrets.to_vec()).collect(),
            reviewer_secrets: fixtures.reviewer_secrets.clone(),
        }
    }

    /// Checks a response, or that a missing response is allowed.
    ///
    /// # Errors
    /// The first violation.
    pub fn check(
        &self,
        request: &Request,
        response: Option<&Response>,
        fixtures: &Fixtures,
    ) -> Result<ResponseSummary> {
        let Some(response) = response else {
            let fault = "the connection was closed without a response".to_owned();
            return if request.ending == Ending::Complete {
                Err(fault)
            } else {
                Ok(ResponseSummary::default())
            };
        };
        if response.status >= 500 {
            return Err(format!("the status is {}", response.status));
        }
        let content_type = response.header("content-type").unwrap_or_default();
        // Images may contain any bytes, and the GraphiQL page any words.
        if !content_type.starts_with("image/") && !content_type.starts_with("text/html") {
            self.check_leaks(&response.body, &request.bytes)?;
            if !contains(&request.bytes, fixtures.tokens[1].as_bytes()) {
                let is_leaked = |secret: &&String| contains(&response.body, secret.as_bytes());
                if let Some(secret) = self.reviewer_secrets.iter().find(is_leaked) {
                    return Err(format!("a response to a client that is not a reviewer contains {secret:?}"));
                }
            }
        }
        for (name, value) in &response.headers {
            self.check_leaks(format!("{name}: {value}").as_bytes(), &request.bytes)?;
        }
        self.check_body(request, response, content_type)
    }

    fn check_body(
        &self,
        request: &Request,
        response: &Response,
        content_type: &str,
    ) -> Result<ResponseSummary> {
        let (method, target) = request.method_and_target();
        let path = target.split('?').next().unwrap_or_default();
        // The HTTP library rejects malformed requests before the gateway gives them a request id.
        if response.header("x-request-id").is_none() {
            let is_rejection = matches!(response.status, 400 | 414 | 431) && response.body.is_empty();
            let fault = format!("status {} without a request id", response.status);
            return if is_rejection && !request.is_valid {
                Ok(ResponseSummary::default())
            } else {
                Err(fault)
            };
        }
        let may_be_empty =
            method == "HEAD" || matches!(response.status, 101 | 204 | 304) || method == "OPTIONS";
        if may_be_empty && response.body.is_empty() {
            return Ok(ResponseSummary::default());
        }
        if content_type.contains("json") {
            let body = serde_json::from_slice(&response.body)
                .map_err(|error| format!("the body is not JSON: {error}"))?;
            return self.check_json(&body, response.status, path);
        }
        if content_type.starts_with("text/event-stream") {
            return self.check_payloads(&event_payloads(&response.body, response.is_complete)?);
        }
        if content_type.starts_with("multipart/mixed") {
            return self.check_payloads(&part_payloads(&response.body)?);
        }
        let is_other_page = response.status == 200 && path != "/graphql";
        let fault = format!("status {} and the content type {content_type:?}", response.status);
        if is_other_page { Ok(ResponseSummary::default()) } else { Err(fault) }
    }

    fn check_json(&self, body: &Value, status: u16, path: &str) -> Result<ResponseSummary> {
        if let Value::Array(payloads) = body {
            let summaries: Result<Vec<_>> =
                payloads.iter().map(|payload| self.check_payload(payload)).collect();
            return Ok(summaries?.into_iter().fold(ResponseSummary::default(), ResponseSummary::merge));
        }
        if status >= 400 && body.get("errors").is_none() {
            return Err(format!("status {status} without errors: {body}"));
        }
        // A health report is not a response to an operation.
        if status == 200 && path != "/graphql" && body.get("errors").is_none() {
            return Ok(ResponseSummary::default());
        }
        self.check_payload(body)
    }

    fn check_payloads(&self, payloads: &[Value]) -> Result<ResponseSummary> {
        let summaries: Result<Vec<_>> = payloads.iter().map(|payload| self.check_payload(payload)).collect();
        Ok(summaries?.into_iter().fold(ResponseSummary::default(), ResponseSummary::merge))
    }

    /// Checks the response to one operation.
    ///
    /// # Errors
    /// The first violation.
    pub fn check_payload(&self, payload: &Value) -> Result<ResponseSummary> {
        let Some(fields) = payload.as_object() else {
            return Err(format!("a payload must be an object: {payload}"));
        };
        if !fields.contains_key("data") && !fields.contains_key("errors") {
            return Err(format!("a payload must have data or errors: {payload}"));
        }
        if let Some(errors) = fields.get("errors") {
            self.check_errors(errors)?;
        }
        Ok(ResponseSummary {
            was_executed: fields.contains_key("data"),
            has_data: fields.get("data").is_some_and(Value::is_object),
        })
    }

    /// Checks the `errors` of a response.
    ///
    /// # Errors
    /// The first violation.
    pub fn check_errors(&self, errors: &Value) -> Result<()> {
        let Some(errors) = errors.as_array().filter(|errors| !errors.is_empty()) else {
            return Err(format!("errors must be a non-empty list: {errors}"));
        };
        for error in errors {
            let code = error["extensions"]["code"].as_str().unwrap_or_default();
            if !self.codes.contains(code) {
                return Err(format!("a client cannot cause {code:?}: {error}"));
            }
            if error["message"].as_str().is_none_or(str::is_empty) {
                return Err(format!("an error must have a message: {error}"));
            }
        }
        Ok(())
    }

    /// Checks that a response reveals no internals. Texts that the request contains may be echoed.
    ///
    /// # Errors
    /// The text that leaked.
    pub fn check_leaks(&self, response: &[u8], request: &[u8]) -> Result<()> {
        let leak = self.forbidden_texts.iter().find(|text| {
            let text = text.as_bytes();
            contains_word_start(response, text)
                && !contains(request, text)
                && !contains(&percent_decoded(request), text)
        });
        leak.map_or(Ok(()), |leak| Err(format!("the response contains {leak:?}")))
    }
}

/// Whether a word of the text starts with `start`. In the middle of a word it does not count, because random
/// strings such as tokens can contain anything. If `start` begins with punctuation, it counts everywhere.
fn contains_word_start(text: &[u8], start: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let stands_free = !start.first().is_some_and(is_letter);
    let mut places = text.windows(start.len()).enumerate().filter(|(_, window)| *window == start);
    places.any(|(at, _)| stands_free || !at.checked_sub(1).and_then(|at| text.get(at)).is_some_and(is_letter))
}

/// Decodes the percent-encoding of a URL.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        let escaped =
            after.get(..2).filter(|_| *byte == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(escaped) = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            plain.push(escaped);
            rest = &after[2..];
        } else {
            plain.push(*byte);
            rest = after;
        }
    }
    plain
}

/// The payloads of all complete server-sent events.
fn event_payloads(body: &[u8], is_complete: bool) -> Result<Vec<Value>> {
    let text = String::from_utf8_lossy(body);
    let mut events: Vec<&str> = text.split("\n\n").collect();
    if !is_complete {
        events.pop();
    }
    let data = events.iter().flat_map(|event| event.lines()).filter_map(|line| line.strip_prefix("data:"));
    data.map(str::trim).filter(|data| !data.is_empty()).map(parse).collect()
}

/// The payloads of all complete parts. A complete part is followed by a boundary.
fn part_payloads(body: &[u8]) -> Result<Vec<Value>> {
    let text = String::from_utf8_lossy(body);
    let mut parts: Vec<&str> = text.split("\r\n--graphql").collect();
    parts.pop();
    let contents = parts.iter().filter_map(|part| part.split_once("\r\n\r\n"));
    let payloads =
        contents.map(|(_, content)| parse(content)).map(|part| part.map(|mut part| part["payload"].take()));
    payloads.filter(|payload| !payload.as_ref().is_ok_and(Value::is_null)).collect()
}

fn parse(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|error| format!("a payload is not JSON: {error}: {text}"))
}
