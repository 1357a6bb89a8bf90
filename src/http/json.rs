//! Says what is wrong with the JSON of a client: the line and the column of a syntax error, or the field that
//! has the wrong type. Never repeats the text of a library.
//!
//! A valid request does not pass here. An invalid one is parsed once more, to describe it.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::error::Category;
use serde_json::{Map, Value};

use crate::engine::persisted_documents::DOCUMENT_ID;
use crate::graphql::error::ErrorCode;
use crate::http::error_response::reject;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The most levels of lists and objects in JSON. It is serde's limit.
const DEPTH_MAX: usize = 127;

/// The fields of a request that must be strings.
const STRINGS: [&str; 3] = ["query", "operationName", "documentId"];

/// The fields of a request that must be objects.
const OBJECTS: [&str; 2] = ["variables", "extensions"];

/// What is wrong with JSON, as one sentence.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidJson(String);

impl InvalidJson {
    /// A field or a parameter of a request is given more than once.
    pub fn duplicate(name: &str) -> Self {
        Self(format!("`{name}` is given more than once."))
    }

    /// A request has neither a document, nor the hash or id of one.
    pub fn no_document() -> Self {
        let message = "Not a GraphQL request: send `query` (a string) and, if needed, `variables` (an object) and \
                       `operationName` (a string).";
        Self(message.to_owned())
    }

    /// Returns what is wrong, with `prefix` in front.
    pub fn within(self, prefix: &str) -> Self {
        Self(format!("{prefix}{}", self.0))
    }

    pub fn message(&self) -> &str {
        &self.0
    }
}

impl From<InvalidJson> for Response {
    fn from(invalid: InvalidJson) -> Self {
        reject(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, invalid.0)
    }
}

/// Returns the text without the byte order mark that some programs write in front of it.
pub fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// Parses any JSON.
///
/// # Errors
/// The line and the column at which it is invalid.
pub fn parse(json: &[u8]) -> Result<Value, InvalidJson> {
    serde_json::from_slice(json).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        InvalidJson(match error.classify() {
            Category::Syntax if error.to_string().starts_with("recursion limit exceeded") => {
                format!("The JSON has more than {DEPTH_MAX} levels at line {line}, column {column}.")
            }
            Category::Eof => format!("The JSON is incomplete: it ends at line {line}, column {column}."),
            _ => format!("Invalid JSON at line {line}, column {column}."),
        })
    })
}

/// Says what is wrong with the JSON of one request or of a list of requests.
pub fn describe_request(json: &[u8]) -> InvalidJson {
    let found = match parse(json) {
        Err(invalid) => return invalid,
        Ok(Value::Array(entries)) if entries.is_empty() => {
            return InvalidJson("The list of operations is empty.".to_owned());
        }
        Ok(Value::Array(entries)) => entries.iter().enumerate().find_map(|(index, entry)| {
            check_request(entry)
                .err()
                .map(|invalid| invalid.within(&format!("Operation {index} of the list: ")))
        }),
        Ok(request) => check_request(&request).err(),
    };
    found.unwrap_or_else(duplicate_field)
}

/// Says what is wrong with the JSON of one request.
pub fn describe_single_request(json: &[u8]) -> InvalidJson {
    let found = parse(json).and_then(|request| check_request(&request));
    found.err().unwrap_or_else(duplicate_field)
}

/// Says what is wrong with JSON that must be an object. `name` says where it is.
pub fn describe_object(name: &str, json: &[u8]) -> InvalidJson {
    match parse(json) {
        Err(invalid) => invalid.within(&format!("`{name}`: ")),
        Ok(_) => wrong_type(name, "an object"),
    }
}

/// Checks the types of the fields of a request, and that it has a document, or the hash or id of one.
///
/// # Errors
/// The first field with another type.
pub fn check_request(request: &Value) -> Result<(), InvalidJson> {
    let Value::Object(fields) = request else {
        return Err(InvalidJson("A GraphQL request must be a JSON object.".to_owned()));
    };
    for name in STRINGS {
        check_field(fields, name, "a string", Value::is_string)?;
    }
    for name in OBJECTS {
        check_field(fields, name, "an object", Value::is_object)?;
    }
    let has = |name: &str| fields.get(name).is_some_and(|value: &Value| !value.is_null());
    let has_hash = fields.get("extensions").and_then(Value::as_object).is_some_and(|extensions| {
        ["persistedQuery", DOCUMENT_ID].iter().any(|name| extensions.contains_key(*name))
    });
    if has("query") || has("documentId") || has_hash { Ok(()) } else { Err(InvalidJson::no_document()) }
}

/// Checks the type of a field, which may be absent or null.
///
/// # Errors
/// If it has another type.
pub fn check_field(
    fields: &Map<String, Value>,
    name: &str,
    expected: &str,
    is_expected: impl Fn(&Value) -> bool,
) -> Result<(), InvalidJson> {
    match fields.get(name) {
        Some(value) if !value.is_null() && !is_expected(value) => Err(wrong_type(name, expected)),
        _ => Ok(()),
    }
}

fn wrong_type(name: &str, expected: &str) -> InvalidJson {
    InvalidJson(format!("`{name}` must be {expected}."))
}

/// The types of all fields are right, so one of them is given twice.
fn duplicate_field() -> InvalidJson {
    InvalidJson("A field of the GraphQL request is given more than once.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_described_with_its_place() {
        for (json, message) in [
            ("", "The JSON is incomplete: it ends at line 1, column 0."),
            ("{\"query\":\n  \"{ a }\", }", "Invalid JSON at line 2, column 12."),
            (r#"{"query":"\ud800"}"#, "Invalid JSON at line 1, column 17."),
            (r#"[{"query":"{ a }"},{"query":7}]"#, "Operation 1 of the list: `query` must be a string."),
            (
                r#"[{"query":"{ a }"},["{ b }"]]"#,
                "Operation 1 of the list: A GraphQL request must be a JSON object.",
            ),
            ("[]", "The list of operations is empty."),
            (r#"{"query":"{ a }","variables":[]}"#, "`variables` must be an object."),
            (r#"{"query":"{ a }","extensions":"x"}"#, "`extensions` must be an object."),
            (r#"{"query":"{ a }","operationName":1}"#, "`operationName` must be a string."),
            (r#"{"documentId":1}"#, "`documentId` must be a string."),
            (r#""{ a }""#, "A GraphQL request must be a JSON object."),
            (
                r#"{"query":"{ a }","query":"{ b }"}"#,
                "A field of the GraphQL request is given more than once.",
            ),
        ] {
            assert_eq!(describe_request(json.as_bytes()).message(), message, "{json}");
        }
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse(nested(DEPTH_MAX).as_bytes()).is_ok());
        let invalid = parse(nested(DEPTH_MAX + 1).as_bytes()).expect_err("nested too deeply");
        assert_eq!(invalid.message(), "The JSON has more than 127 levels at line 1, column 128.");
        let invalid = describe_request(b"{\"query\":\"\xff\"}");
        assert!(invalid.message().starts_with("Invalid JSON at line 1, column 1"), "{invalid:?}");
    }
}
