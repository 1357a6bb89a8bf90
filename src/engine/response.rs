//! GraphQL responses: their JSON, their errors, and their objects.

use std::collections::BTreeMap;
use std::io;
use std::io::Write;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response, ServerError, Value};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::engine::limits::{LimitExceeded, limit_error};
use crate::graphql::context::request_span;
use crate::graphql::error::{Error, ErrorCode};

/// The most errors in the response to an invalid request. A document can have an error in every word.
const REQUEST_ERRORS_MAX: usize = 5;

/// A response as it is serialized: without `data` if it is a request error.
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
    fn from(response: &'a Response) -> Self {
        let data = (!is_request_error(response)).then_some(&response.data);
        Self { data, errors: &response.errors, extensions: &response.extensions }
    }
}

/// A response, or a part of one, as JSON.
pub fn to_json(part: &impl Serialize) -> String {
    serde_json::to_string(part).expect("a response is plain data")
}

/// The `ETag` of a response body.
pub fn etag(body: &[u8]) -> String {
    format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(body)[..16]))
}

/// Whether nothing was executed: what the specification calls a request error. Its response has no `data`,
/// not even null.
pub fn is_request_error(response: &Response) -> bool {
    let has_no_path = response.errors.iter().all(|error| error.path.is_empty());
    response.data == Value::Null && !response.errors.is_empty() && has_no_path
}

/// The response to a request that fails before it is executed.
pub fn error_response(error: &Error) -> Response {
    Response::from_errors(vec![server_error(error)])
}

/// The response to a request whose task has failed. The cause is logged.
pub fn internal_error(cause: &dyn std::fmt::Display, request_id: &str) -> Response {
    let error = request_span(request_id).in_scope(|| Error::internal(cause));
    finalize(error_response(&error), request_id)
}

/// Converts an error to the library's type.
pub fn server_error(error: &Error) -> ServerError {
    let mut server_error = ServerError::new(error.message(), None);
    server_error.extensions = Some(error.extensions());
    server_error
}

/// The codes of the errors in a response.
pub fn error_codes(response: &Response) -> impl Iterator<Item = &str> {
    codes_of(&response.errors)
}

/// The codes of errors.
pub fn codes_of(errors: &[ServerError]) -> impl Iterator<Item = &str> {
    errors.iter().filter_map(|error| match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code.as_str()),
        _ => None,
    })
}

/// Whether a part of the response is missing because the database is unavailable.
pub fn is_unavailable(response: &Response) -> bool {
    let unavailable: &str = ErrorCode::ServiceUnavailable.into();
    error_codes(response).any(|code| code == unavailable)
}

/// The number of objects in a response, without the root object.
pub fn count_objects(data: &Value) -> u64 {
    fn count_inside(value: &Value) -> u64 {
        match value {
            Value::List(list) => list.iter().map(count).sum(),
            Value::Object(fields) => fields.values().map(count).sum(),
            _ => 0,
        }
    }
    fn count(value: &Value) -> u64 {
        count_inside(value) + u64::from(matches!(value, Value::Object(_)))
    }
    count_inside(data)
}

/// The number of objects that a response costs: all that were possible if it was too large to be sent.
pub fn charged_objects(response: &Response) -> u64 {
    let too_large: &str = LimitExceeded::ResponseBytes.into();
    let limits = response.errors.iter().filter_map(|error| error.extensions.as_ref()?.get("limit"));
    let is_too_large = limits.into_iter().any(|limit| *limit == too_large.into());
    if is_too_large { u64::MAX } else { count_objects(&response.data) }
}

/// The response, or an error if it has more than `max` bytes as JSON.
pub fn limit_bytes(response: Response, max: usize, kind: OperationType) -> Response {
    let body = ResponseBody::from(&response);
    // Most responses are far smaller, so that their exact size need not be known.
    let is_small = response.errors.is_empty() && max_json_bytes(&response.data) < max;
    if is_small || serde_json::to_writer(RemainingBytes(max), &body).is_ok() {
        return response;
    }
    too_large(max, kind)
}

/// The response instead of one that is too large.
pub fn too_large(max: usize, kind: OperationType) -> Response {
    let executed = match kind {
        OperationType::Mutation => " The mutation was executed.",
        OperationType::Query | OperationType::Subscription => "",
    };
    let message = format!(
        "The response may have at most {max} bytes. Select fewer fields, or fewer objects of a list.{executed}"
    );
    Response::from_errors(vec![limit_error(LimitExceeded::ResponseBytes, max, message, None)])
}

/// An upper bound of the size of a value as JSON.
fn max_json_bytes(value: &Value) -> usize {
    // A character of one byte can be written as `\u0000`.
    let string = |text: &str| 6 * text.len() + 2;
    match value {
        Value::Null | Value::Boolean(_) => 5,
        Value::Number(_) => 32,
        Value::String(text) => string(text),
        Value::Enum(name) => string(name),
        Value::Binary(bytes) => 4 * bytes.len() + 2,
        Value::List(list) => list.iter().map(|item| max_json_bytes(item) + 1).sum::<usize>() + 2,
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, field)| string(name) + max_json_bytes(field) + 2);
            fields.sum::<usize>() + 2
        }
    }
}

/// Counts what is written, and fails if it is more.
struct RemainingBytes(usize);

impl Write for RemainingBytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Completes the errors of a response. An error of the library gets a code. With a path, a value does not fit
/// its type: BAD_USER_INPUT. Without a path, the document is invalid: GRAPHQL_VALIDATION_FAILED. An internal
/// error gets the request id, under which its cause is logged.
pub fn finalize(mut response: Response, request_id: &str) -> Response {
    let internal: &str = ErrorCode::InternalServerError.into();
    if is_request_error(&response) {
        response.errors.truncate(REQUEST_ERRORS_MAX);
    }
    for error in &mut response.errors {
        let has_path = !error.path.is_empty();
        let extensions = error.extensions.get_or_insert_default();
        match extensions.get("code") {
            Some(code) if *code == internal.into() => {
                // The error of a shared execution has the id of that execution.
                if extensions.get("requestId").is_none() {
                    extensions.set("requestId", request_id);
                }
            }
            Some(_) => {}
            None => {
                let code =
                    if has_path { ErrorCode::BadUserInput } else { ErrorCode::GraphqlValidationFailed };
                let code: &str = code.into();
                extensions.set("code", code);
            }
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use async_graphql::value;

    use super::*;

    #[test]
    fn a_response_of_exactly_the_maximum_size_is_sent_and_a_larger_one_is_not() {
        let texts: Vec<_> = (0_u32..600).filter_map(char::from_u32).map(String::from).collect();
        let data = value!({ "a": texts, "b": [null, true, -1.5e300, { "c\"": "\u{0}\u{1f600}" }] });
        let json = to_json(&ResponseBody::from(&Response::new(data.clone())));
        assert!(max_json_bytes(&data) >= to_json(&data).len());
        for (max, is_sent) in [(json.len() - 1, false), (json.len(), true), (usize::MAX, true)] {
            let response = limit_bytes(Response::new(data.clone()), max, OperationType::Query);
            assert_eq!(to_json(&ResponseBody::from(&response)) == json, is_sent, "{max}");
            let objects = if is_sent { 1 } else { u64::MAX };
            assert_eq!((charged_objects(&response), response.errors.is_empty()), (objects, is_sent));
        }
        let errors = vec![ServerError::new("x".repeat(100), None); 3];
        let response = limit_bytes(Response::from_errors(errors), 200, OperationType::Mutation);
        assert!(response.errors[0].message.contains("at most 200 bytes"), "{response:?}");
        assert!(response.errors[0].message.ends_with("The mutation was executed."), "{response:?}");
    }
}
