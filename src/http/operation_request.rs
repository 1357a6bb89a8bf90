//! Parses GraphQL requests from JSON and from the query parameters of a URL.
//!
//! async-graphql-axum reads query parameters, and this module adds what it does not support: `documentId`, and
//! the name `operationName`. JSON is parsed here, because the extractor of the library copies the body, parses
//! it twice, accepts a list of values for the fields of a request, and does not know `documentId`
//! (docs/adr/0003).

use async_graphql::{BatchRequest, Extensions, ParseRequestError, Request, Value, Variables};
use async_graphql_axum::GraphQLRequest;
use axum::body::Body;
use axum::extract::FromRequest;
use axum::http::{self, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use crate::engine::persisted_documents::DOCUMENT_ID;
use crate::graphql::error::ErrorCode;
use crate::http::error_response::reject;

/// The JSON object of one request. A missing document is not the same as an empty one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonRequest {
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    document_id: Option<String>,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Variables,
    #[serde(default)]
    extensions: Extensions,
}

impl JsonRequest {
    /// `None` without a document, or the hash or id of one.
    fn into_request(self) -> Option<Request> {
        let has_query = self.query.is_some();
        let mut request = Request::new(self.query.unwrap_or_default()).variables(self.variables);
        request.operation_name = self.operation_name;
        request.extensions = self.extensions;
        add_document_id(&mut request, self.document_id);
        (has_query || is_persisted(&request)).then_some(request)
    }
}

/// Query parameters that the library could not read.
struct Rejection;

impl From<ParseRequestError> for Rejection {
    fn from(_: ParseRequestError) -> Self {
        Self
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        invalid_request()
    }
}

/// Parses the JSON of one operation, or of a list of operations.
///
/// # Errors
/// The response if the body is neither.
pub fn from_body(body: &[u8]) -> Result<BatchRequest, Response> {
    let parsed = if body.trim_ascii_start().starts_with(b"[") {
        let entries: Option<Vec<&RawValue>> = serde_json::from_slice(body).ok();
        let entries = entries.filter(|entries| !entries.is_empty()).ok_or_else(invalid_request)?;
        let requests = entries.into_iter().map(|entry| parse_object(entry.get().as_bytes()));
        requests.collect::<Option<_>>().map(BatchRequest::Batch)
    } else {
        parse_object(body).map(BatchRequest::Single)
    };
    parsed.ok_or_else(invalid_request)
}

/// Parses an operation from query parameters.
///
/// # Errors
/// The response if the parameters are invalid, or contain no operation.
pub async fn from_query(parameters: &str) -> Result<Request, Response> {
    let (url, has_query, document_id) = library_url(parameters);
    let request = http::Request::get(url).body(Body::empty()).map_err(|_| invalid_request())?;
    let request = GraphQLRequest::<Rejection>::from_request(request, &()).await;
    let mut request = request.map_err(IntoResponse::into_response)?.into_inner();
    add_document_id(&mut request, document_id);
    if has_query || is_persisted(&request) { Ok(request) } else { Err(invalid_request()) }
}

/// A hash of the operation in query parameters: of its document and variables. The order and spelling of the
/// parameters matter: a client that reconnects sends the same URL.
pub fn fingerprint(parameters: &str) -> Vec<u8> {
    let mut hash = Sha256::new();
    for (name, value) in form_urlencoded::parse(parameters.as_bytes()) {
        if ["query", DOCUMENT_ID, "operationName", "variables", "extensions"].contains(&name.as_ref()) {
            for text in [name, value] {
                hash.update(text.len().to_be_bytes());
                hash.update(text.as_bytes());
            }
        }
    }
    hash.finalize().to_vec()
}

/// Rewrites query parameters into the URL that the library reads. Also returns whether they contain a document,
/// and the id of one.
fn library_url(parameters: &str) -> (String, bool, Option<String>) {
    let mut known = form_urlencoded::Serializer::new(String::new());
    let (mut has_query, mut document_id) = (false, None);
    for (name, value) in form_urlencoded::parse(parameters.as_bytes()) {
        match name.as_ref() {
            "documentId" => document_id = Some(value.into_owned()),
            // An empty parameter counts as absent. The library expects `operation_name`.
            "operationName" if !value.is_empty() => drop(known.append_pair("operation_name", &value)),
            "variables" | "extensions" if value.is_empty() => {}
            "query" => {
                known.append_pair(&name, &value);
                has_query = true;
            }
            "variables" | "extensions" => drop(known.append_pair(&name, &value)),
            _ => {}
        }
    }
    (format!("/graphql?{}", known.finish()), has_query, document_id)
}

/// Converts parsed JSON to a request. `None` if the JSON is not a request.
pub fn from_json(json: serde_json::Value) -> Option<Request> {
    serde_json::from_value(json).ok().and_then(JsonRequest::into_request)
}

/// Returns the value of one query parameter.
pub fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut parameters = form_urlencoded::parse(parameters.as_bytes());
    parameters.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The response to a body or URL that is not a GraphQL request.
pub fn invalid_request() -> Response {
    let message = "Not a GraphQL request: send a JSON object with `query` (a string) and, if needed, \
                   `variables` (an object) and `operationName` (a string).";
    reject(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message)
}

/// Parses the JSON object of one request. serde would also accept a list of the values of its fields.
fn parse_object(json: &[u8]) -> Option<Request> {
    let is_object = json.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice(json).ok()).flatten().and_then(JsonRequest::into_request)
}

fn add_document_id(request: &mut Request, id: Option<String>) {
    if let Some(id) = id {
        request.extensions.insert(DOCUMENT_ID.to_owned(), Value::String(id));
    }
}

/// Whether the request identifies a persisted document, by its hash or id.
fn is_persisted(request: &Request) -> bool {
    ["persistedQuery", DOCUMENT_ID].iter().any(|name| request.extensions.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Option<Vec<Request>> {
        match from_body(json.as_bytes()).ok()? {
            BatchRequest::Single(request) => Some(vec![request]),
            BatchRequest::Batch(requests) => Some(requests),
        }
    }

    #[test]
    fn every_request_must_be_an_object() {
        assert_eq!(parse(r#"[{"query":"{ a }"},{"query":"{ b }"}]"#).map(|requests| requests.len()), Some(2));
        for invalid in [
            "[]",
            r#"["{ __typename }"]"#,
            r#"[["{ __typename }"]]"#,
            r#"[{"query":"{ a }"},["{ b }"]]"#,
            r#"[{"query":"{ a }"},null]"#,
            r#""{ a }""#,
            "null",
            "",
            r#"{"query":1}"#,
            r#"{"query":"{ a }"} x"#,
            r#"{"query":"{ a }","variables":[]}"#,
            "{}",
        ] {
            assert!(parse(invalid).is_none(), "{invalid}");
        }
    }

    #[test]
    fn document_ids_are_read_from_json() {
        let requests = parse(r#"{"documentId":"a","variables":null,"extensions":null}"#).unwrap();
        assert_eq!(requests[0].extensions.get(DOCUMENT_ID), Some(&Value::String("a".into())));
        let requests = parse(r#"[{"query":"{ a }"},{"documentId":"b"}]"#).unwrap();
        assert_eq!(requests[0].extensions.get(DOCUMENT_ID), None);
        assert_eq!(requests[1].extensions.get(DOCUMENT_ID), Some(&Value::String("b".into())));
    }

    #[tokio::test]
    async fn query_parameters_may_name_the_operation_and_may_be_empty() {
        let request = from_query("query=query+A{a}&operationName=A&variables=&extensions=").await.unwrap();
        assert_eq!((request.query.as_str(), request.operation_name.as_deref()), ("query A{a}", Some("A")));
        let request = from_query("documentId=x&variables=%7B%22a%22:1%7D").await.unwrap();
        assert_eq!(request.extensions.get(DOCUMENT_ID), Some(&Value::String("x".into())));
        assert_eq!(request.variables.len(), 1);
        for invalid in ["", "variables={}", "query={a}&variables=1", "query={a}&extensions=x"] {
            assert!(from_query(invalid).await.is_err(), "{invalid}");
        }
    }
}
