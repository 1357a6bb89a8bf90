//! The messages and close codes of the graphql-transport-ws protocol.

use std::time::Duration;

use async_graphql::Request;
use axum::extract::ws::CloseFrame;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tungstenite::error::ProtocolError;

use crate::http::json::{self, InvalidJson};
use crate::http::operation_request;

pub const SUBPROTOCOL: &str = "graphql-transport-ws";

pub const EXPIRED: &str = "The credentials have expired";

/// The maximum length of the id of an operation, in bytes.
const ID_MAX_BYTES: usize = 128;

/// The maximum size of a ping, in bytes: its payload is sent back.
const PING_MAX_BYTES: usize = 16 * 1024;

/// The maximum size of the reason in a close frame, in bytes.
const REASON_MAX_BYTES: usize = 123;

/// A message from the client.
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
        #[expect(dead_code, reason = "it is unused, but must be an object")]
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

/// Why a message is invalid.
#[derive(Debug, PartialEq, Eq)]
pub struct MalformedMessage(String);

impl From<MalformedMessage> for Close {
    fn from(malformed: MalformedMessage) -> Self {
        Self::InvalidMessage(format!("Invalid message: {}", malformed.0))
    }
}

impl ClientMessage {
    /// Parses a message.
    ///
    /// # Errors
    /// If the text is not a message of the protocol.
    pub fn parse(text: &str) -> Result<Self, MalformedMessage> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // serde would read a list as the fields of an object, in their order.
        if !text.trim_start().starts_with('{') {
            return Err(MalformedMessage("it must be a JSON object".to_owned()));
        }
        let message = serde_json::from_str(text).map_err(|_| MalformedMessage::describe(text))?;
        match &message {
            Self::Subscribe { id, .. } | Self::Complete { id } if id.is_empty() => {
                Err(MalformedMessage("`id` must not be empty".to_owned()))
            }
            Self::Subscribe { id, .. } | Self::Complete { id } if id.len() > ID_MAX_BYTES => {
                Err(MalformedMessage("`id` may have at most 128 bytes".to_owned()))
            }
            Self::Ping { .. } if text.len() > PING_MAX_BYTES => {
                Err(MalformedMessage("a ping may have at most 16384 bytes".to_owned()))
            }
            _ => Ok(message),
        }
    }
}

impl MalformedMessage {
    /// Says what is wrong with a JSON object that is not a message.
    fn describe(text: &str) -> Self {
        let message = match json::parse(text.as_bytes()) {
            Ok(Value::Object(message)) => message,
            Ok(_) => return Self("it must be a JSON object".to_owned()),
            Err(invalid) => return invalid.into(),
        };
        let has_id = message.get("id").is_some_and(Value::is_string);
        let has_payload = message.get("payload").is_some_and(Value::is_object);
        Self(match message.get("type").and_then(Value::as_str) {
            None => "`type` must be a string".to_owned(),
            Some("subscribe" | "complete") if !has_id => "`id` must be a string".to_owned(),
            Some("subscribe") if !has_payload => "`payload` must be an object".to_owned(),
            Some("connection_init" | "ping" | "pong") if !has_payload => {
                "`payload` must be an object or null".to_owned()
            }
            Some("connection_init" | "ping" | "pong" | "subscribe" | "complete") => {
                "a field is given more than once".to_owned()
            }
            Some(_) => "unknown `type`".to_owned(),
        })
    }
}

impl From<InvalidJson> for MalformedMessage {
    fn from(invalid: InvalidJson) -> Self {
        Self(invalid.message().trim_end_matches('.').to_owned())
    }
}

/// Parses the payload of a `subscribe` message.
///
/// # Errors
/// If the payload is not a GraphQL request.
pub fn parse_request(payload: Map<String, Value>) -> Result<Request, MalformedMessage> {
    Ok(operation_request::from_json(payload.into()).map_err(|invalid| invalid.within("`payload`: "))?)
}

/// A message from the gateway.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage<'a> {
    ConnectionAck {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<ConnectionAckPayload>,
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

/// The payload of `connection_ack`, and of the `pong` to a ping with credentials.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionAckPayload {
    /// The client must send new credentials by then, or shortly after.
    pub access_token_expires_at: DateTime<Utc>,
    /// Seconds from this message until then, for clients whose clock is wrong.
    pub access_token_expires_in: i32,
}

/// The text of a `next` or `error` message in front of its payload, which is already JSON. It is built once
/// for each operation.
#[derive(Debug, Clone)]
pub struct MessagePrefix(String);

impl MessagePrefix {
    pub fn next(id: &str) -> Self {
        Self::new("next", id)
    }

    /// The prefix of the errors that end an operation, for example of an invalid one.
    pub fn error(id: &str) -> Self {
        Self::new("error", id)
    }

    fn new(name: &str, id: &str) -> Self {
        Self(format!(r#"{{"type":"{name}","id":{},"payload":"#, Value::from(id)))
    }

    /// Returns the complete message.
    pub fn with_payload(&self, payload: &str) -> String {
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

/// Why the gateway closes a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Close {
    /// The gateway is shutting down: the client should reconnect and resume.
    GoingAway,
    /// A message is larger than this number of bytes.
    TooLarge(usize),
    /// A message did not arrive completely within this time.
    MessageTimeout(Duration),
    /// A text message is not valid UTF-8.
    InvalidUtf8,
    /// The client does not follow the WebSocket protocol.
    ProtocolError,
    /// The client cannot be authenticated, because the database is unavailable.
    TryAgainLater,
    InvalidMessage(String),
    Unauthorized,
    /// The credentials are invalid or have expired: the client should connect again with fresh ones.
    Forbidden(&'static str),
    /// The session has ended: connecting again is of no use. The code is not one of the protocol's.
    SessionEnded,
    SubprotocolNotAcceptable,
    InitTimeout,
    SubscriberExists(String),
    TooManyInits,
}

impl Close {
    /// How to close a connection from which a message cannot be read; `None` if it has ended already. A
    /// message may have `max` bytes.
    pub fn from_error(error: axum::Error, max: usize) -> Option<Self> {
        match *error.into_inner().downcast::<tungstenite::Error>().ok()? {
            tungstenite::Error::Capacity(_) => Some(Self::TooLarge(max)),
            tungstenite::Error::Utf8(_) => Some(Self::InvalidUtf8),
            tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
            tungstenite::Error::Protocol(_) => Some(Self::ProtocolError),
            _ => None,
        }
    }

    pub fn frame(&self) -> CloseFrame {
        let (code, reason) = match self {
            Self::GoingAway => (1001, "Going away".to_owned()),
            Self::TooLarge(max) => (1009, format!("A message may have at most {max} bytes")),
            Self::MessageTimeout(max) => {
                (4408, format!("A message must arrive completely within {} seconds", max.as_secs()))
            }
            Self::InvalidUtf8 => (1007, "A text message must be UTF-8".to_owned()),
            Self::ProtocolError => (1002, "WebSocket protocol error".to_owned()),
            Self::TryAgainLater => (1013, "Try again later".to_owned()),
            Self::InvalidMessage(reason) => (4400, reason.clone()),
            Self::Unauthorized => (4401, "Unauthorized".to_owned()),
            Self::Forbidden(reason) => (4403, (*reason).to_owned()),
            Self::SessionEnded => (4410, "The session has ended".to_owned()),
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
    fn long_close_reasons_are_truncated() {
        let frame = Close::SubscriberExists("é".repeat(500)).frame();
        assert_eq!(frame.code, 4409);
        assert!(frame.reason.len() <= REASON_MAX_BYTES);
        assert!(frame.reason.starts_with("Subscriber for é"));
    }

    #[test]
    fn a_prefix_with_its_payload_is_valid_json() {
        let text = MessagePrefix::next("a\"b").with_payload(r#"{"data":null}"#);
        let message: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(message, serde_json::json!({ "type": "next", "id": "a\"b", "payload": { "data": null } }));
    }

    #[test]
    fn only_messages_of_the_protocol_are_parsed() {
        let parse = ClientMessage::parse;
        assert!(matches!(
            parse(r#"{"type":"connection_init"}"#),
            Ok(ClientMessage::ConnectionInit { payload: None })
        ));
        assert!(matches!(parse(r#"{"type":"pong","payload":{"a":1}}"#), Ok(ClientMessage::Pong { .. })));
        let subscribe = r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":null}}"#;
        let Ok(ClientMessage::Subscribe { id, payload }) = parse(subscribe) else { panic!("{subscribe}") };
        assert_eq!((id.as_str(), parse_request(payload).expect("a request").query.as_str()), ("1", "{a}"));
        for invalid in [
            r#"{"type":"start"}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"1","payload":["{a}"]}"#,
            r#"{"type":"complete","id":""}"#,
            &format!(r#"{{"type":"complete","id":"{}"}}"#, "x".repeat(ID_MAX_BYTES + 1)),
            &format!(r#"{{"type":"ping","payload":{{"a":"{}"}}}}"#, "x".repeat(PING_MAX_BYTES)),
            r#"{"type":"pong","payload":1}"#,
            r#"["ping"]"#,
            "[]",
            "nonsense",
        ] {
            assert!(parse(invalid).is_err(), "{invalid}");
        }
        for (invalid, reason) in [
            (r#"{"type":"ping","payload":"\ud800"}"#, "Invalid JSON at line 1, column 33"),
            ("{\n\"type\":", "The JSON is incomplete: it ends at line 2, column 7"),
            (r#"{"type":1}"#, "`type` must be a string"),
            (r#"{"type":"start"}"#, "unknown `type`"),
            (r#"{"type":"subscribe","id":1,"payload":{}}"#, "`id` must be a string"),
            (r#"{"type":"subscribe","id":"1","payload":[]}"#, "`payload` must be an object"),
            (r#"{"type":"connection_init","payload":[]}"#, "`payload` must be an object or null"),
        ] {
            assert_eq!(parse(invalid).err(), Some(MalformedMessage(reason.to_owned())), "{invalid}");
        }
        let payload = serde_json::from_str(r#"{"query":"{a}","variables":1}"#).expect("an object");
        let reason = MalformedMessage("`payload`: `variables` must be an object".to_owned());
        assert_eq!(parse_request(payload).err(), Some(reason));
        assert!(matches!(parse("\u{feff}{\"type\":\"ping\"}"), Ok(ClientMessage::Ping { .. })));
        for invalid in ["{}", r#"{"query":1}"#, r#"{"query":"{a}","variables":1}"#] {
            let payload = serde_json::from_str(invalid).expect("an object");
            assert!(parse_request(payload).is_err(), "{invalid}");
        }
    }
}
