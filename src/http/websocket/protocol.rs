//! The messages of graphql-transport-ws, and the codes it closes with.

use async_graphql::Request;
use axum::extract::ws::CloseFrame;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::http::operation_request;
use crate::http::request_body::DOCUMENT_MAX_BYTES;

pub const SUBPROTOCOL: &str = "graphql-transport-ws";

pub const SESSION_ENDED: &str = "The session has ended";
pub const EXPIRED: &str = "The credentials have expired";

/// A close frame holds so many bytes of text.
const REASON_MAX_BYTES: usize = 123;

/// What a client says.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    ConnectionInit {
        payload: Option<Map<String, Value>>,
    },
    Ping {
        payload: Option<Map<String, Value>>,
    },
    Pong {
        #[expect(dead_code, reason = "it says nothing, but is to be an object")]
        payload: Option<Map<String, Value>>,
    },
    Subscribe {
        id: String,
        payload: Map<String, Value>,
    },
    Complete {
        id: String,
    },
}

/// Why a message is none.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed(&'static str);

impl From<Malformed> for Close {
    fn from(malformed: Malformed) -> Self {
        Self::InvalidMessage(format!("Invalid message: {}", malformed.0))
    }
}

impl ClientMessage {
    /// # Errors
    /// Where it is none of the protocol's.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        // The reader would take a list for an object's fields in order.
        if !text.trim_start().starts_with('{') {
            return Err(Malformed("it is no object"));
        }
        let message = serde_json::from_str(text).map_err(|_| Malformed("none of this protocol's"))?;
        match &message {
            Self::Subscribe { id, .. } | Self::Complete { id } if id.is_empty() => {
                Err(Malformed("its id is empty"))
            }
            _ => Ok(message),
        }
    }
}

/// The GraphQL request that a `subscribe` carries.
///
/// # Errors
/// Where it carries none.
pub fn request(payload: Map<String, Value>) -> Result<Request, Malformed> {
    operation_request::from_json(payload.into()).ok_or(Malformed("its payload is no GraphQL request"))
}

/// What the gateway says.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage<'a> {
    ConnectionAck {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Acknowledged>,
    },
    Ping,
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Map<String, Value>>,
    },
    Complete {
        id: &'a str,
    },
}

/// What a client whose credentials are good is told of them.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledged {
    /// Fresh credentials must be there by then, or shortly after.
    pub access_token_expires_at: DateTime<Utc>,
}

/// A message about one operation with a payload that is JSON already.
#[derive(Debug, Clone)]
pub struct Header(String);

impl Header {
    /// `next`.
    pub fn of_next(id: &str) -> Self {
        Self::of("next", id)
    }

    /// `error`: what fails before execution; it ends the operation.
    pub fn of_error(id: &str) -> Self {
        Self::of("error", id)
    }

    fn of(name: &str, id: &str) -> Self {
        Self(format!(r#"{{"type":"{name}","id":{},"payload":"#, Value::from(id)))
    }

    /// The whole message.
    pub fn with(&self, payload: &str) -> String {
        let mut text = String::with_capacity(self.0.len() + payload.len() + 1);
        text.push_str(&self.0);
        text.push_str(payload);
        text.push('}');
        text
    }
}

impl ServerMessage<'_> {
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a message is plain data")
    }
}

/// Why the gateway closes a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Close {
    /// The gateway stops: connect again, and resume.
    GoingAway,
    /// A message has more bytes than are read.
    TooLarge,
    /// The database is away, so that nobody can tell who this is.
    TryAgainLater,
    InvalidMessage(String),
    Unauthorized,
    /// The credentials are not good, or not any more.
    Forbidden(&'static str),
    SubprotocolNotAcceptable,
    InitTimeout,
    SubscriberExists(String),
    TooManyInits,
}

impl Close {
    pub fn frame(&self) -> CloseFrame {
        let (code, reason) = match self {
            Self::GoingAway => (1001, "Going away".to_owned()),
            Self::TooLarge => (1009, format!("A message may have at most {DOCUMENT_MAX_BYTES} bytes")),
            Self::TryAgainLater => (1013, "Try again later".to_owned()),
            Self::InvalidMessage(violation) => (4400, violation.clone()),
            Self::Unauthorized => (4401, "Unauthorized".to_owned()),
            Self::Forbidden(reason) => (4403, (*reason).to_owned()),
            Self::SubprotocolNotAcceptable => (4406, "Subprotocol not acceptable".to_owned()),
            Self::InitTimeout => (4408, "Connection initialisation timeout".to_owned()),
            Self::SubscriberExists(id) => (4409, format!("Subscriber for {id} already exists")),
            Self::TooManyInits => (4429, "Too many initialisation requests".to_owned()),
        };
        let end = reason.floor_char_boundary(REASON_MAX_BYTES);
        CloseFrame { code, reason: reason[..end].into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_fits_into_its_frame() {
        let frame = Close::SubscriberExists("é".repeat(500)).frame();
        assert_eq!(frame.code, 4409);
        assert!(frame.reason.len() <= REASON_MAX_BYTES);
        assert!(frame.reason.starts_with("Subscriber for é"));
    }

    #[test]
    fn a_message_is_put_together_as_it_would_be_written() {
        let text = Header::of_next("a\"b").with(r#"{"data":null}"#);
        let message: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(message, serde_json::json!({ "type": "next", "id": "a\"b", "payload": { "data": null } }));
    }

    #[test]
    fn messages_are_read_as_the_protocol_writes_them() {
        let read = ClientMessage::parse;
        assert!(matches!(
            read(r#"{"type":"connection_init"}"#),
            Ok(ClientMessage::ConnectionInit { payload: None })
        ));
        assert!(matches!(read(r#"{"type":"pong","payload":{"a":1}}"#), Ok(ClientMessage::Pong { .. })));
        let subscribe = r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":null}}"#;
        let Ok(ClientMessage::Subscribe { id, payload }) = read(subscribe) else { panic!("{subscribe}") };
        assert_eq!((id.as_str(), request(payload).expect("a request").query.as_str()), ("1", "{a}"));
        for bad in [
            r#"{"type":"start"}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"1","payload":["{a}"]}"#,
            r#"{"type":"complete","id":""}"#,
            r#"{"type":"pong","payload":1}"#,
            r#"["ping"]"#,
            "[]",
            "nonsense",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        for bad in ["{}", r#"{"query":1}"#, r#"{"query":"{a}","variables":1}"#] {
            let payload = serde_json::from_str(bad).expect("an object");
            assert!(request(payload).is_err(), "{bad}");
        }
    }
}
