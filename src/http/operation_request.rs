//! One GraphQL request as clients write it: as JSON, or as the parameters of an address.

use async_graphql::{Extensions, Request, Value, Variables};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use crate::engine::persisted_documents::DOCUMENT_ID;
use crate::graphql::error::ErrorCode;
use crate::http::error_response::reject;

/// One operation as JSON has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestFields {
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Variables,
    #[serde(default)]
    extensions: Extensions,
    #[serde(default)]
    document_id: Option<String>,
}

impl RequestFields {
    /// The request; `None` where it names no document and has none.
    pub fn into_request(self) -> Option<Request> {
        let Self { query, operation_name, variables, mut extensions, document_id } = self;
        if let Some(id) = document_id {
            extensions.insert(DOCUMENT_ID.to_owned(), Value::String(id));
        }
        let names_one = ["persistedQuery", DOCUMENT_ID].iter().any(|name| extensions.contains_key(*name));
        let query = if names_one { query.unwrap_or_default() } else { query? };
        let mut request = Request::new(query);
        request.operation_name = operation_name;
        request.variables = variables;
        request.extensions = extensions;
        Some(request)
    }
}

/// One operation, as JSON.
///
/// # Errors
/// The answer to what is none.
pub fn parse(json: &[u8]) -> Result<Request, Response> {
    // A list would be taken for the values of an object's fields.
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err(unreadable());
    }
    let written: RequestFields = serde_json::from_slice(json).map_err(|_| unreadable())?;
    written.into_request().ok_or_else(unreadable)
}

/// One operation, as JSON that is read already; `None` where it is none.
pub fn request(json: serde_json::Value) -> Option<Request> {
    serde_json::from_value::<RequestFields>(json).ok()?.into_request()
}

/// One operation, as parameters of an address; `None` where they hold none.
pub fn parameters(parameters: &str) -> Option<Request> {
    let mut written = RequestFields {
        query: None,
        operation_name: None,
        variables: Variables::default(),
        extensions: Extensions::default(),
        document_id: None,
    };
    for (name, value) in url::form_urlencoded::parse(parameters.as_bytes()) {
        match name.as_ref() {
            "query" => written.query = Some(value.into_owned()),
            "operationName" if !value.is_empty() => written.operation_name = Some(value.into_owned()),
            "variables" if !value.is_empty() => written.variables = serde_json::from_str(&value).ok()?,
            "extensions" if !value.is_empty() => written.extensions = serde_json::from_str(&value).ok()?,
            "documentId" => written.document_id = Some(value.into_owned()),
            _ => {}
        }
    }
    written.into_request()
}

/// One parameter of an address.
pub fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut parameters = url::form_urlencoded::parse(parameters.as_bytes());
    parameters.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}

pub fn unreadable() -> Response {
    let message = "This is no GraphQL request: send one operation, as a JSON object with `query`, and where needed \
                   `variables` (an object) and `operationName` (a string).";
    reject(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message)
}
