//! What must hold for every answer, whatever was asked.

use std::collections::HashSet;

use gigway::graphql::error::ErrorCode;
use serde_json::Value;

use super::fixtures::Fixtures;
use super::raw_http::{Answer, Ending, Request, contains};

/// Every code that a client can bring about. Of the others each is a mistake of ours, or a machine's that is away.
const CODES: [ErrorCode; 22] = [
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

/// What only somebody could say who lets their inside be seen.
const TELLTALES: [&str; 14] = [
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

/// What a well-behaved answer says of its request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResponseSummary {
    /// It was executed, with whatever result.
    pub was_executed: bool,
    /// It has data.
    pub has_data: bool,
}

impl ResponseSummary {
    fn or(self, other: Self) -> Self {
        Self {
            was_executed: self.was_executed || other.was_executed,
            has_data: self.has_data || other.has_data,
        }
    }
}

pub struct ResponseChecker {
    codes: HashSet<&'static str>,
    telltales: Vec<String>,
    reviewer_secrets: Vec<String>,
}

type Result<T> = std::result::Result<T, String>;

impl ResponseChecker {
    /// `secrets`: what, besides, nobody may be told.
    pub fn new(fixtures: &Fixtures, secrets: &[String]) -> Self {
        let telltales = TELLTALES.iter().map(|telltale| (*telltale).to_owned());
        Self {
            codes: CODES.iter().map(Into::into).collect(),
            telltales: telltales.chain(known.secrets.clone()).chain(secrets.to_vec()).collect(),
            reviewer_secrets: known.reviewer_secrets.clone(),
        }
    }

    /// # Errors
    /// What is wrong with the answer.
    pub fn check(&self, request: &Request, answer: Option<&Answer>, fixtures: &Fixtures) -> Result<ResponseSummary> {
        let Some(answer) = answer else {
            let fault = "the connection was closed without an answer".to_owned();
            return if request.ending == Ending::Complete { Err(fault) } else { Ok(ResponseSummary::default()) };
        };
        if answer.status >= 500 {
            return Err(format!("the status is {}", answer.status));
        }
        let content_type = answer.header("content-type").unwrap_or_default();
        // A picture may have any bytes, and the page of GraphiQL any words.
        if !content_type.starts_with("image/") && !content_type.starts_with("text/html") {
            self.check_leaks(&answer.body, &request.bytes)?;
            if !contains(&request.bytes, known.tokens[1].as_bytes()) {
                let leaked = |secret: &&String| contains(&answer.body, secret.as_bytes());
                if let Some(secret) = self.reviewer_secrets.iter().find(leaked) {
                    return Err(format!("it tells {secret:?} to who is no reviewer"));
                }
            }
        }
        for (name, value) in &answer.headers {
            self.check_leaks(format!("{name}: {value}").as_bytes(), &request.bytes)?;
        }
        self.check_body(request, answer, content_type)
    }

    fn check_body(&self, request: &Request, answer: &Answer, content_type: &str) -> Result<ResponseSummary> {
        let (method, target) = request.first_line();
        let path = target.split('?').next().unwrap_or_default();
        // What the HTTP library refuses never reaches the gateway, which would have given it an id.
        if answer.header("x-request-id").is_none() {
            let is_refusal = matches!(answer.status, 400 | 414 | 431) && answer.body.is_empty();
            let fault = format!("status {} without an id of the request", answer.status);
            return if is_refusal && !request.is_valid { Ok(ResponseSummary::default()) } else { Err(fault) };
        }
        let is_empty = method == "HEAD" || matches!(answer.status, 101 | 204 | 304) || method == "OPTIONS";
        if is_empty && answer.body.is_empty() {
            return Ok(ResponseSummary::default());
        }
        if content_type.contains("json") {
            let body =
                serde_json::from_slice(&answer.body).map_err(|error| format!("it is no JSON: {error}"))?;
            return self.check_json(&body, answer.status, path);
        }
        if content_type.starts_with("text/event-stream") {
            return self.check_payloads(&events(&answer.body, answer.is_complete)?);
        }
        if content_type.starts_with("multipart/mixed") {
            return self.check_payloads(&multipart(&answer.body)?);
        }
        let is_other = answer.status == 200 && path != "/graphql";
        let fault = format!("status {} and the content type {content_type:?}", answer.status);
        if is_other { Ok(ResponseSummary::default()) } else { Err(fault) }
    }

    fn check_json(&self, body: &Value, status: u16, path: &str) -> Result<ResponseSummary> {
        if let Value::Array(answers) = body {
            let summaries: Result<Vec<_>> = answers.iter().map(|answer| self.check_payload(answer)).collect();
            return Ok(summaries?.into_iter().fold(ResponseSummary::default(), ResponseSummary::or));
        }
        if status >= 400 && body.get("errors").is_none() {
            return Err(format!("status {status} without errors: {body}"));
        }
        // How the gateway is doing is no answer to an operation.
        if status == 200 && path != "/graphql" && body.get("errors").is_none() {
            return Ok(ResponseSummary::default());
        }
        self.check_payload(body)
    }

    fn check_payloads(&self, payloads: &[Value]) -> Result<ResponseSummary> {
        let summaries: Result<Vec<_>> = payloads.iter().map(|payload| self.check_payload(payload)).collect();
        Ok(summaries?.into_iter().fold(ResponseSummary::default(), ResponseSummary::or))
    }

    /// An answer to one operation.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_payload(&self, payload: &Value) -> Result<ResponseSummary> {
        let Some(fields) = payload.as_object() else {
            return Err(format!("an answer is an object: {payload}"));
        };
        if !fields.contains_key("data") && !fields.contains_key("errors") {
            return Err(format!("an answer has data or errors: {payload}"));
        }
        if let Some(errors) = fields.get("errors") {
            self.check_errors(errors)?;
        }
        Ok(ResponseSummary {
            was_executed: fields.contains_key("data"),
            has_data: fields.get("data").is_some_and(Value::is_object),
        })
    }

    /// # Errors
    /// What is wrong with them.
    pub fn check_errors(&self, errors: &Value) -> Result<()> {
        let Some(errors) = errors.as_array().filter(|errors| !errors.is_empty()) else {
            return Err(format!("errors are a list of some: {errors}"));
        };
        for error in errors {
            let code = error["extensions"]["code"].as_str().unwrap_or_default();
            if !self.codes.contains(code) {
                return Err(format!("{code:?} is no code that a client can bring about: {error}"));
            }
            if error["message"].as_str().is_none_or(str::is_empty) {
                return Err(format!("an error has a message: {error}"));
            }
        }
        Ok(())
    }

    /// Nothing of the inside is told, but to whoever said it first.
    ///
    /// # Errors
    /// What is told.
    pub fn check_leaks(&self, said: &[u8], asked: &[u8]) -> Result<()> {
        let leak = self.telltales.iter().find(|telltale| {
            let text = telltale.as_bytes();
            begins_somewhere(said, text) && !contains(asked, text) && !contains(&unescaped(asked), text)
        });
        leak.map_or(Ok(()), |leak| Err(format!("it tells {leak:?}")))
    }
}

/// Whether a word begins so: random letters, such as a token's, have everything in the middle.
fn begins_somewhere(text: &[u8], start: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let stands_free = !start.first().is_some_and(is_letter);
    let mut places = text.windows(start.len()).enumerate().filter(|(_, window)| *window == start);
    places.any(|(at, _)| stands_free || !at.checked_sub(1).and_then(|at| text.get(at)).is_some_and(is_letter))
}

/// What an address says without its escapes.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, behind @ ..] = rest {
        let escaped =
            behind.get(..2).filter(|_| *byte == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(escaped) = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            plain.push(escaped);
            rest = &behind[2..];
        } else {
            plain.push(*byte);
            rest = behind;
        }
    }
    plain
}

/// The payloads of the server-sent events that have come whole.
fn events(body: &[u8], is_complete: bool) -> Result<Vec<Value>> {
    let text = String::from_utf8_lossy(body);
    let mut events: Vec<&str> = text.split("\n\n").collect();
    if !is_complete {
        events.pop();
    }
    let data = events.iter().flat_map(|event| event.lines()).filter_map(|line| line.strip_prefix("data:"));
    data.map(str::trim).filter(|data| !data.is_empty()).map(parsed).collect()
}

/// The payloads of the parts that have come whole: behind each is a boundary.
fn multipart(body: &[u8]) -> Result<Vec<Value>> {
    let text = String::from_utf8_lossy(body);
    let mut parts: Vec<&str> = text.split("\r\n--graphql").collect();
    parts.pop();
    let contents = parts.iter().filter_map(|part| part.split_once("\r\n\r\n"));
    let payloads =
        contents.map(|(_, content)| parsed(content)).map(|part| part.map(|mut part| part["payload"].take()));
    payloads.filter(|payload| !payload.as_ref().is_ok_and(Value::is_null)).collect()
}

fn parsed(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|error| format!("a part is no JSON: {error}: {text}"))
}
