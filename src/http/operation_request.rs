//! Parses GraphQL requests from JSON and from the query parameters of a URL.
//!
//! async-graphql-axum does most of the work. This module adds what the library does not support, or does
//! differently from the GraphQL over HTTP specification: `documentId`, `operationName` as a query parameter,
//! and the rejection of JSON that is not an object or a list of objects (docs/adr/0003).

use async_graphql::{BatchRequest, ParseRequestError, Request, Value};
use async_graphql_axum::GraphQLBatchRequest;
use axum::body::Body;
use axum::extract::FromRequest;
use axum::http::{self, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use url::form_urlencoded;

use crate::engine::persisted_documents::DOCUMENT_ID;
use crate::graphql::error::ErrorCode;
use crate::http::error_response::reject;

/// A request that async-graphql-axum could not extract.
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

/// The fields of a request that contain or identify its document. The library does not know `documentId`, and
/// does not distinguish an empty `query` from a missing one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DocumentFields {
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    document_id: Option<String>,
}

impl DocumentFields {
    /// Adds the id of a trusted document to the request. Returns whether the request has a document, or the
    /// hash or id of one.
    fn apply(self, request: &mut Request) -> bool {
        if let Some(id) = self.document_id {
            request.extensions.insert(DOCUMENT_ID.to_owned(), Value::String(id));
        }
        self.query.is_some() || is_persisted(request)
    }
}

/// Parses the JSON of one operation, or of a list of operations.
///
/// # Errors
/// The response if the body is neither.
pub async fn from_body(body: Bytes) -> Result<BatchRequest, Response> {
    if !starts_with_object(&body) {
        return Err(invalid_request());
    }
    let request = http::Request::post("/graphql").header(header::CONTENT_TYPE, "application/json");
    let request = request.body(Body::from(body.clone())).expect("the parts of the request are constants");
    let mut extracted = extract(request).await?;
    if has_documents(&extracted, &body) || apply_document_fields(&mut extracted, &body) {
        Ok(extracted)
    } else {
        Err(invalid_request())
    }
}

/// Parses an operation from query parameters.
///
/// # Errors
/// The response if the parameters are invalid, or contain no operation.
pub async fn from_query(parameters: &str) -> Result<Request, Response> {
    let (url, document) = library_url(parameters);
    let request = http::Request::get(url).body(Body::empty()).map_err(|_| invalid_request())?;
    let mut request = extract(request).await?.into_single().map_err(|_| invalid_request())?;
    if document.apply(&mut request) { Ok(request) } else { Err(invalid_request()) }
}

/// Rewrites query parameters into the URL that the library reads, and returns the fields of the document
/// separately.
fn library_url(parameters: &str) -> (String, DocumentFields) {
    let mut known = form_urlencoded::Serializer::new(String::new());
    let mut document = DocumentFields { query: None, document_id: None };
    for (name, value) in form_urlencoded::parse(parameters.as_bytes()) {
        match name.as_ref() {
            "documentId" => document.document_id = Some(value.into_owned()),
            // An empty parameter counts as absent. The library expects `operation_name`.
            "operationName" if !value.is_empty() => drop(known.append_pair("operation_name", &value)),
            "variables" | "extensions" if value.is_empty() => {}
            "query" => {
                known.append_pair(&name, &value);
                document.query = Some(value.into_owned());
            }
            "variables" | "extensions" => drop(known.append_pair(&name, &value)),
            _ => {}
        }
    }
    (format!("/graphql?{}", known.finish()), document)
}

/// Converts parsed JSON to a request. `None` if the JSON is not a request.
pub fn from_json(json: serde_json::Value) -> Option<Request> {
    let document: DocumentFields = serde_json::from_value(json.clone()).ok()?;
    let mut request: Request = serde_json::from_value(json).ok()?;
    document.apply(&mut request).then_some(request)
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

async fn extract(request: http::Request<Body>) -> Result<BatchRequest, Response> {
    let extracted = GraphQLBatchRequest::<Rejection>::from_request(request, &()).await;
    extracted.map(GraphQLBatchRequest::into_inner).map_err(IntoResponse::into_response)
}

/// Whether the JSON starts as an object or as a list whose first entry is an object. The library would read a
/// list of other values as the fields of a request, in their order.
fn starts_with_object(json: &[u8]) -> bool {
    let json = json.trim_ascii_start();
    match json.strip_prefix(b"[") {
        Some(entries) => entries.trim_ascii_start().starts_with(b"{"),
        None => json.starts_with(b"{"),
    }
}

/// Whether the library has read a document for every request, and none has a `documentId`.
fn has_documents(extracted: &BatchRequest, body: &[u8]) -> bool {
    let name = br#""documentId""#;
    !body.windows(name.len()).any(|window| window == name)
        && extracted.iter().all(|request| !request.query.is_empty() || is_persisted(request))
}

/// Reads the body again for the fields that the library does not read, and adds them to the requests. Returns
/// whether each request has a document, or the hash or id of one.
fn apply_document_fields(extracted: &mut BatchRequest, body: &[u8]) -> bool {
    let documents: Result<Vec<DocumentFields>, _> = match extracted {
        BatchRequest::Single(_) => serde_json::from_slice(body).map(|document| vec![document]),
        BatchRequest::Batch(_) => serde_json::from_slice(body),
    };
    documents.is_ok_and(|documents| {
        let mut requests = extracted.iter_mut().zip(documents);
        requests.all(|(request, document)| document.apply(request))
    })
}

/// Whether the request identifies a persisted document, by its hash or id.
fn is_persisted(request: &Request) -> bool {
    ["persistedQuery", DOCUMENT_ID].iter().any(|name| request.extensions.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn parse(json: &'static str) -> Option<Vec<Request>> {
        match from_body(Bytes::from_static(json.as_bytes())).await.ok()? {
            BatchRequest::Single(request) => Some(vec![request]),
            BatchRequest::Batch(requests) => Some(requests),
        }
    }

    #[tokio::test]
    async fn a_list_must_contain_request_objects() {
        assert_eq!(parse(r#"["{ __typename }"]"#).await.map(|requests| requests.len()), None);
        assert_eq!(
            parse(r#"[{"query":"{ a }"},{"query":"{ b }"}]"#).await.map(|requests| requests.len()),
            Some(2)
        );
        assert_eq!(parse("[]").await.map(|requests| requests.len()), None);
    }

    #[tokio::test]
    async fn document_ids_are_read_from_json() {
        let requests = parse(r#"{"documentId":"a","variables":null,"extensions":null}"#).await.unwrap();
        assert_eq!(requests[0].extensions.get(DOCUMENT_ID), Some(&Value::String("a".into())));
        let requests = parse(r#"[{"query":"{ a }"},{"documentId":"b"}]"#).await.unwrap();
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
