//! Parses GraphQL requests from JSON and from the query parameters of a URL.
//!
//! The extractors of the library are not used: they copy the body, parse it twice, accept a list of values for
//! the fields of a request, know neither `documentId` nor the query parameter `operationName`, and their
//! errors do not say what is wrong (docs/adr/0003). [`json`](crate::http::json) describes what is wrong.

use async_graphql::{BatchRequest, Extensions, Request, Value, Variables};
use axum::response::Response;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use crate::engine::persisted_documents::DOCUMENT_ID;
use crate::http::json::{self, InvalidJson};

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
        // Some clients send an empty name if there is none.
        request.operation_name = self.operation_name.filter(|name| !name.is_empty());
        request.extensions = self.extensions;
        if let Some(id) = self.document_id {
            request.extensions.insert(DOCUMENT_ID.to_owned(), Value::String(id));
        }
        (has_query || is_persisted(&request)).then_some(request)
    }
}

/// Parses the JSON of one operation, or of a list of operations.
///
/// # Errors
/// The response if the body is neither.
pub fn from_body(body: &[u8]) -> Result<BatchRequest, Response> {
    let body = json::without_byte_order_mark(body);
    let parsed = if body.trim_ascii_start().starts_with(b"[") {
        let entries: Option<Vec<&RawValue>> = serde_json::from_slice(body).ok();
        entries.filter(|entries| !entries.is_empty()).and_then(|entries| {
            let requests = entries.into_iter().map(|entry| parse_object(entry.get().as_bytes()));
            requests.collect::<Option<_>>().map(BatchRequest::Batch)
        })
    } else {
        parse_object(body).map(BatchRequest::Single)
    };
    parsed.ok_or_else(|| json::describe_request(body).into())
}

/// Parses the JSON of one operation.
///
/// # Errors
/// What is wrong with the JSON.
pub fn from_object(json: &[u8]) -> Result<Request, InvalidJson> {
    let json = json::without_byte_order_mark(json);
    parse_object(json).ok_or_else(|| json::describe_single_request(json))
}

/// Parses an operation from query parameters. An empty parameter other than `query` counts as absent.
///
/// # Errors
/// The response if the parameters are invalid, or contain no operation.
pub fn from_query(parameters: &str) -> Result<Request, Response> {
    let (mut query, mut document_id, mut operation_name) = (None, None, None);
    let (mut variables, mut extensions) = (None, None);
    for (name, value) in form_urlencoded::parse(parameters.as_bytes()) {
        let (name, parameter) = match name.as_ref() {
            "query" => ("query", &mut query),
            "documentId" => ("documentId", &mut document_id),
            "operationName" => ("operationName", &mut operation_name),
            "variables" => ("variables", &mut variables),
            "extensions" => ("extensions", &mut extensions),
            _ => continue,
        };
        if parameter.replace(value.into_owned()).is_some() {
            return Err(InvalidJson::duplicate(name).into());
        }
    }
    let request = JsonRequest {
        query,
        document_id,
        operation_name,
        variables: parse_parameter("variables", variables)?,
        extensions: parse_parameter("extensions", extensions)?,
    };
    request.into_request().ok_or_else(|| InvalidJson::no_document().into())
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

/// Parses the JSON object in a query parameter.
fn parse_parameter<T: Default + serde::de::DeserializeOwned>(
    name: &'static str,
    text: Option<String>,
) -> Result<T, InvalidJson> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(T::default()) };
    let json = json::without_byte_order_mark(text.as_bytes());
    serde_json::from_slice(json).map_err(|_| json::describe_object(name, json))
}

/// Converts parsed JSON to a request.
///
/// # Errors
/// What is wrong with the JSON.
pub fn from_json(json: serde_json::Value) -> Result<Request, InvalidJson> {
    json::check_request(&json)?;
    let request = serde_json::from_value(json).ok().and_then(JsonRequest::into_request);
    request.ok_or_else(InvalidJson::no_document)
}

/// Returns the value of one query parameter.
pub fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut parameters = form_urlencoded::parse(parameters.as_bytes());
    parameters.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Parses the JSON object of one request. serde would also accept a list of the values of its fields.
fn parse_object(json: &[u8]) -> Option<Request> {
    let is_object = json.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice(json).ok()).flatten().and_then(JsonRequest::into_request)
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

    #[test]
    fn query_parameters_may_name_the_operation_and_may_be_empty() {
        let request = from_query("query=query+A{a}&operationName=A&variables=&extensions=").unwrap();
        assert_eq!((request.query.as_str(), request.operation_name.as_deref()), ("query A{a}", Some("A")));
        let request = from_query("documentId=x&variables=%7B%22a%22:1%7D").unwrap();
        assert_eq!(request.extensions.get(DOCUMENT_ID), Some(&Value::String("x".into())));
        assert_eq!(request.variables.len(), 1);
        for invalid in [
            "query={a}&query={b}",
            "query={a}&variables=[]",
            "",
            "variables={}",
            "query={a}&variables=1",
            "query={a}&extensions=x",
        ] {
            assert!(from_query(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn an_empty_operation_name_means_none() {
        for json in [r#"{"query":"{ a }","operationName":""}"#, r#"[{"query":"{ a }","operationName":""}]"#] {
            assert_eq!(parse(json).unwrap()[0].operation_name, None, "{json}");
        }
        let json = serde_json::json!({ "query": "{ a }", "operationName": "" });
        assert_eq!(from_json(json).unwrap().operation_name, None);
        assert_eq!(from_query("query={a}&operationName=").unwrap().operation_name, None);
    }

    #[test]
    fn a_byte_order_mark_in_front_of_json_is_skipped() {
        assert!(parse("\u{feff}{\"query\":\"{ a }\"}").is_some());
        assert!(parse("\u{feff} [{\"query\":\"{ a }\"}]").is_some());
        assert_eq!(from_query("query={a}&variables=%EF%BB%BF%7B%22a%22:1%7D").unwrap().variables.len(), 1);
        // Only one, and only at the start.
        assert!(parse("\u{feff}\u{feff}{\"query\":\"{ a }\"}").is_none());
        assert!(parse("{\u{feff}\"query\":\"{ a }\"}").is_none());
    }
}
