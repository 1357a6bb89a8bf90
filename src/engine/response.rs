//! GraphQL responses: their JSON, their errors, and their objects.

use std::collections::BTreeMap;

use async_graphql::{Response, ServerError, Value};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

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
