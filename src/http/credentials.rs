//! The credentials of a request or a connection: how clients send them, and the caller that they stand for.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::domain::user::Viewer;
use crate::engine::Caller;

/// The caller, and how long its credentials are valid.
#[derive(Debug)]
pub struct Credentials {
    pub caller: Caller,
    /// When the access token expires, also that of a stream ticket. `None` for a caller without a session.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Credentials {
    pub fn of_viewer(viewer: Viewer, expires_at: DateTime<Utc>) -> Self {
        let caller = Caller::Viewer(Arc::new(viewer));
        Self { caller, expires_at: Some(expires_at) }
    }

    /// The credentials of a caller without a session.
    pub fn without_session(caller: Caller) -> Self {
        Self { caller, expires_at: None }
    }

    /// Invalid credentials. `has_session_ended` if they are genuine.
    pub fn invalid(has_session_ended: bool) -> Self {
        Self::without_session(Caller::InvalidCredentials { has_session_ended })
    }
}

/// The value of the header `Authorization`, or of an entry with this name in the payload of a WebSocket
/// message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorization<'a> {
    /// No value, or an empty one: client libraries send a header without a token while nobody is signed in.
    None,
    /// The scheme Bearer with this token.
    Bearer(&'a str),
    /// Another scheme, or not text.
    Invalid,
}

impl<'a> Authorization<'a> {
    pub fn parse(text: &'a str) -> Self {
        let text = text.trim();
        let (scheme, token) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        match (scheme, token.trim()) {
            ("", _) => Self::None,
            (scheme, _) if !scheme.eq_ignore_ascii_case("bearer") => Self::Invalid,
            (_, "") => Self::None,
            (_, token) => Self::Bearer(token),
        }
    }

    pub fn from_headers(headers: &'a HeaderMap) -> Self {
        let value = headers.get(header::AUTHORIZATION);
        value.map_or(Self::None, |value| value.to_str().map_or(Self::Invalid, Self::parse))
    }

    /// Reads the payload of `connection_init` or `ping`: the entry `authorization`, or else the entry
    /// `headers.authorization`. Case does not matter.
    pub fn from_payload(payload: &'a Map<String, Value>) -> Self {
        authorization_entries(payload)
            .map(|value| match value {
                Value::Null => Self::None,
                Value::String(text) => Self::parse(text),
                _ => Self::Invalid,
            })
            .find(|authorization| *authorization != Self::None)
            .unwrap_or(Self::None)
    }

    /// These credentials, or `other` if there are none.
    pub fn or(self, other: Self) -> Self {
        if self == Self::None { other } else { self }
    }
}

/// Whether the payload has an entry for credentials, even an empty one.
pub fn has_authorization_entry(payload: &Map<String, Value>) -> bool {
    authorization_entries(payload).next().is_some()
}

fn authorization_entries(payload: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let headers = entries(payload, "headers").filter_map(Value::as_object);
    entries(payload, "authorization").chain(headers.flat_map(|headers| entries(headers, "authorization")))
}

fn entries<'a>(map: &'a Map<String, Value>, name: &'static str) -> impl Iterator<Item = &'a Value> {
    map.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_value_is_no_value_and_another_scheme_is_invalid() {
        for empty in ["", " ", "\t", "Bearer", "bearer ", " BEARER\t "] {
            assert_eq!(Authorization::parse(empty), Authorization::None, "{empty:?}");
        }
        for invalid in ["nonsense", "Basic YTpi", "Bearertoken", "token Bearer"] {
            assert_eq!(Authorization::parse(invalid), Authorization::Invalid, "{invalid:?}");
        }
        for valid in ["Bearer token", "bearer  token ", " BEARER\ttoken"] {
            assert_eq!(Authorization::parse(valid), Authorization::Bearer("token"), "{valid:?}");
        }
    }

    #[test]
    fn a_payload_is_searched_for_the_first_value_that_is_not_empty() {
        for (payload, expected) in [
            (json!({}), Authorization::None),
            (json!({ "authorization": null, "headers": { "authorization": "" } }), Authorization::None),
            (json!({ "headers": "Authorization" }), Authorization::None),
            (json!({ "Authorization": "Bearer a" }), Authorization::Bearer("a")),
            (json!({ "headers": { "Authorization": "Bearer b" } }), Authorization::Bearer("b")),
            (
                json!({ "authorization": "Bearer a", "headers": { "Authorization": "Bearer b" } }),
                Authorization::Bearer("a"),
            ),
            (
                json!({ "authorization": "", "Headers": { "AUTHORIZATION": "Bearer b" } }),
                Authorization::Bearer("b"),
            ),
            (
                json!({ "authorization": "Basic a", "headers": { "authorization": "Bearer b" } }),
                Authorization::Invalid,
            ),
            (json!({ "authorization": 7 }), Authorization::Invalid),
            (json!({ "headers": { "authorization": ["Bearer b"] } }), Authorization::Invalid),
        ] {
            let map = payload.as_object().expect("an object");
            assert_eq!(Authorization::from_payload(map), expected, "{payload}");
        }
    }
}
