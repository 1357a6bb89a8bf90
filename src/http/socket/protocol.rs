//! The messages of graphql-transport-ws, and the codes it closes with.

use async_graphql::{Request, ServerError};
use axum::extract::ws::CloseFrame;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::http::graphql::Sent;

pub(super) const SUBPROTOCOL: &str = "graphql-transport-ws";

/// A close frame holds so many bytes of text.
const REASON_MAX_BYTES: usize = 123;

/// What a client says.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ClientMessage {
    ConnectionInit { payload: Option<Map<String, Value>> },
    Ping { payload: Option<Map<String, Value>> },
    Pong {},
    Subscribe { id: String, payload: Box<Request> },
    Complete { id: String },
}

/// What the gateway says.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerMessage<'a> {
    ConnectionAck,
    Ping,
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Map<String, Value>>,
    },
    Next {
        id: &'a str,
        payload: Sent<'a>,
    },
    /// What fails before execution; it ends the operation.
    Error {
        id: &'a str,
        payload: &'a [ServerError],
    },
    Complete {
        id: &'a str,
    },
}

impl ServerMessage<'_> {
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a message is plain data")
    }
}

/// Why the gateway closes a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Close {
    /// The gateway stops: connect again, and resume.
    GoingAway,
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
            Self::TryAgainLater => (1013, "Try again later".to_owned()),
            Self::InvalidMessage(fault) => (4400, fault.clone()),
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
    fn messages_are_read_as_the_protocol_writes_them() {
        let read = |text: &str| serde_json::from_str::<ClientMessage>(text);
        assert!(matches!(
            read(r#"{"type":"connection_init"}"#),
            Ok(ClientMessage::ConnectionInit { payload: None })
        ));
        assert!(matches!(read(r#"{"type":"pong","payload":{"a":1}}"#), Ok(ClientMessage::Pong {})));
        let subscribe = r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":null}}"#;
        assert!(matches!(read(subscribe), Ok(ClientMessage::Subscribe { id, .. }) if id == "1"));
        for bad in [r#"{"type":"start"}"#, r#"{"type":"subscribe","id":"1"}"#, "[]", "nonsense"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
