//! One GraphQL request as clients write it: as JSON, or as the parameters of an address.
//!
//! async-graphql-axum extracts the requests. What it does not know, or reads in another way than the specification of
//! GraphQL over HTTP, is done here: `documentId`, `operationName` in an address, and lists in place of an object
//! (docs/adr/0003).

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

/// The fields of a request that the library does not know, and that tell whether it names a document.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamedDocument {
    #[serde(default)]
    document_id: Option<String>,
}

/// The operation, or the list of operations, of a body that holds JSON.
///
/// # Errors
/// The response to a body that holds neither.
pub async fn from_body(body: Bytes) -> Result<BatchRequest, Response> {
    if !holds_objects(&body) {
        return Err(invalid_request());
    }
    let request = http::Request::post("/graphql").header(header::CONTENT_TYPE, "application/json");
    let request = request.body(Body::from(body.clone())).expect("the parts of the request are constants");
    let mut extracted = extract(request).await?;
    add_document_ids(&mut extracted, &body)?;
    if extracted.iter().all(has_document) { Ok(extracted) } else { Err(invalid_request()) }
}

/// The operation in the parameters of an address.
///
/// # Errors
/// The response to parameters that hold none.
pub async fn from_parameters(parameters: &str) -> Result<Request, Response> {
    let (address, document_id) = library_address(parameters);
    let request = http::Request::get(address).body(Body::empty()).map_err(|_| invalid_request())?;
    let mut request = extract(request).await?.into_single().map_err(|_| invalid_request())?;
    if let Some(id) = document_id {
        request.extensions.insert(DOCUMENT_ID.to_owned(), Value::String(id));
    }
    if has_document(&request) { Ok(request) } else { Err(invalid_request()) }
}

/// The address that the library reads the same operation from, and the id of a trusted document.
fn library_address(parameters: &str) -> (String, Option<String>) {
    let mut known = form_urlencoded::Serializer::new(String::new());
    let mut document_id = None;
    for (name, value) in form_urlencoded::parse(parameters.as_bytes()) {
        match name.as_ref() {
            "documentId" => document_id = Some(value.into_owned()),
            // An empty parameter is an absent one. The library has another name for the name of the operation.
            "operationName" if !value.is_empty() => drop(known.append_pair("operation_name", &value)),
            "variables" | "extensions" if value.is_empty() => {}
            "query" | "variables" | "extensions" => drop(known.append_pair(&name, &value)),
            _ => {}
        }
    }
    (format!("/graphql?{}", known.finish()), document_id)
}

/// The operation in JSON that is parsed already; `None` if it holds none.
pub fn from_json(json: serde_json::Value) -> Option<Request> {
    let document_id = json.get("documentId").and_then(serde_json::Value::as_str).map(str::to_owned);
    let mut request: Request = serde_json::from_value(json).ok()?;
    if let Some(id) = document_id {
        request.extensions.insert(DOCUMENT_ID.to_owned(), Value::String(id));
    }
    has_document(&request).then_some(request)
}

/// One parameter of an address.
pub fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut parameters = form_urlencoded::parse(parameters.as_bytes());
    parameters.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}

/// The response to something that is not a GraphQL request.
pub fn invalid_request() -> Response {
    let message = "Not a GraphQL request: send a JSON object with `query` (a string) and, if needed, `variables` (an \
                   object) and `operationName` (a string).";
    reject(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message)
}

async fn extract(request: http::Request<Body>) -> Result<BatchRequest, Response> {
    let extracted = GraphQLBatchRequest::<Rejection>::from_request(request, &()).await;
    extracted.map(GraphQLBatchRequest::into_inner).map_err(IntoResponse::into_response)
}

/// Whether the JSON is an object or a list of objects: the library takes a list of values for the fields of a request.
fn holds_objects(json: &[u8]) -> bool {
    let json = json.trim_ascii_start();
    match json.strip_prefix(b"[") {
        Some(entries) => entries.trim_ascii_start().starts_with(b"{"),
        None => json.starts_with(b"{"),
    }
}

fn add_document_ids(extracted: &mut BatchRequest, body: &[u8]) -> Result<(), Response> {
    let name = br#""documentId""#;
    if !body.windows(name.len()).any(|window| window == name) {
        return Ok(());
    }
    let named: Vec<NamedDocument> = match extracted {
        BatchRequest::Single(_) => serde_json::from_slice(body).map(|named| vec![named]),
        BatchRequest::Batch(_) => serde_json::from_slice(body),
    }
    .map_err(|_| invalid_request())?;
    for (request, named) in extracted.iter_mut().zip(named) {
        if let Some(id) = named.document_id {
            request.extensions.insert(DOCUMENT_ID.to_owned(), Value::String(id));
        }
    }
    Ok(())
}

/// Whether the request has a document, or names one.
fn has_document(request: &Request) -> bool {
    let names_one = ["persistedQuery", DOCUMENT_ID].iter().any(|name| request.extensions.contains_key(*name));
    names_one || !request.query.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(json: &'static str) -> Option<Vec<Request>> {
        match from_body(Bytes::from_static(json.as_bytes())).await.ok()? {
            BatchRequest::Single(request) => Some(vec![request]),
            BatchRequest::Batch(requests) => Some(requests),
        }
    }

    #[tokio::test]
    async fn a_list_is_not_taken_for_the_fields_of_a_request() {
        assert_eq!(body(r#"["{ __typename }"]"#).await.map(|all| all.len()), None);
        assert_eq!(body(r#"[{"query":"{ a }"},{"query":"{ b }"}]"#).await.map(|all| all.len()), Some(2));
        assert_eq!(body("[]").await.map(|all| all.len()), None);
    }

    #[tokio::test]
    async fn a_document_id_is_read_beside_the_query() {
        let requests = body(r#"{"documentId":"a","variables":null,"extensions":null}"#).await.unwrap();
        assert_eq!(requests[0].extensions.get(DOCUMENT_ID), Some(&Value::String("a".into())));
        let requests = body(r#"[{"query":"{ a }"},{"documentId":"b"}]"#).await.unwrap();
        assert_eq!(requests[0].extensions.get(DOCUMENT_ID), None);
        assert_eq!(requests[1].extensions.get(DOCUMENT_ID), Some(&Value::String("b".into())));
    }

    #[tokio::test]
    async fn parameters_of_an_address_name_the_operation_and_may_be_empty() {
        let request =
            from_parameters("query=query+A{a}&operationName=A&variables=&extensions=").await.unwrap();
        assert_eq!((request.query.as_str(), request.operation_name.as_deref()), ("query A{a}", Some("A")));
        let request = from_parameters("documentId=x&variables=%7B%22a%22:1%7D").await.unwrap();
        assert_eq!(request.extensions.get(DOCUMENT_ID), Some(&Value::String("x".into())));
        assert_eq!(request.variables.len(), 1);
        for bad in ["", "query=", "query={a}&variables=1", "query={a}&extensions=x"] {
            assert!(from_parameters(bad).await.is_err(), "{bad}");
        }
    }
}
