//! Answers as they go out, and what can be told of them.

use std::collections::BTreeMap;

use async_graphql::{Response, ServerError, Value};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::graphql::error::{Error, ErrorCode};

/// An answer as it goes out: without `data` where nothing was executed.
#[derive(Serialize)]
pub struct ResponseBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ServerError],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extensions: &'a BTreeMap<String, Value>,
}

impl<'a> From<&'a Response> for ResponseBody<'a> {
    fn from(answer: &'a Response) -> Self {
        let data = (!is_request_error(answer)).then_some(&answer.data);
        Self { data, errors: &answer.errors, extensions: &answer.extensions }
    }
}

/// Anything of an answer, as JSON.
pub fn to_json(part: &impl Serialize) -> String {
    serde_json::to_string(part).expect("an answer is plain data")
}

/// What names an answer's text, as HTTP writes it.
pub fn etag(body: &[u8]) -> String {
    format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(body)[..16]))
}

/// Whether the answer is to a document that was not executed: then it has no `data`, not even a null one.
pub fn is_request_error(answer: &Response) -> bool {
    let nowhere = answer.errors.iter().all(|error| error.path.is_empty());
    answer.data == Value::Null && !answer.errors.is_empty() && nowhere
}

/// The answer to what could not be begun.
pub fn error_response(error: &Error) -> Response {
    let mut shown = ServerError::new(error.message(), None);
    shown.extensions = Some(error.extensions());
    Response::from_errors(vec![shown])
}

/// The codes of the answer's errors.
pub fn error_codes(answer: &Response) -> impl Iterator<Item = &str> {
    answer.errors.iter().filter_map(|error| match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code.as_str()),
        _ => None,
    })
}

/// Whether some of it is missing because the database is away.
pub fn is_unavailable(answer: &Response) -> bool {
    let unavailable: &str = ErrorCode::ServiceUnavailable.into();
    error_codes(answer).any(|code| code == unavailable)
}

/// How many objects there are in it, the answer itself not counted.
pub fn objects(data: &Value) -> u64 {
    fn below(value: &Value) -> u64 {
        match value {
            Value::List(list) => list.iter().map(counted).sum(),
            Value::Object(fields) => fields.values().map(counted).sum(),
            _ => 0,
        }
    }
    fn counted(value: &Value) -> u64 {
        below(value) + u64::from(matches!(value, Value::Object(_)))
    }
    below(data)
}

/// The most errors of one answer. A document can be wrong in as many ways as it has words.
const ERRORS_MAX: usize = 5;

/// Gives what has no code yet the one it has: the library's own errors are of the whole document where they have no
/// path, and otherwise of a value that does not fit its type. And tells the client of a mistake of ours by the name
/// that it has in our log.
pub fn finalize(mut answer: Response, request_id: &str) -> Response {
    let internal: &str = ErrorCode::InternalServerError.into();
    if is_request_error(&answer) {
        answer.errors.truncate(ERRORS_MAX);
    }
    for error in &mut answer.errors {
        let whole = error.path.is_empty();
        let extensions = error.extensions.get_or_insert_default();
        match extensions.get("code") {
            Some(code) if *code == internal.into() => extensions.set("requestId", request_id),
            Some(_) => {}
            None => {
                let code = if whole { ErrorCode::GraphqlValidationFailed } else { ErrorCode::BadUserInput };
                let code: &str = code.into();
                extensions.set("code", code);
            }
        }
    }
    answer
}
