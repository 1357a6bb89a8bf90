//! What is said over a socket: by the protocol graphql-transport-ws, or not.

use async_graphql::parser::types::OperationType;
use serde_json::{Value, json};

use super::broken_documents::break_document;
use super::random::RandomSource;
use super::edge_cases;
use super::requests::RequestGenerator;
use super::json_bodies::{envelope, arbitrary_json, corrupt_sometimes, with_invalid_fields};

/// What one client says, from the first message to the last.
pub struct SocketSession {
    pub subprotocol: Option<&'static str>,
    pub messages: Vec<Message>,
    /// Some of it is no WebSocket at all: the connection may end without a word.
    pub may_end_abruptly: bool,
}

pub struct Message {
    pub frame: Frame,
    /// The operation that must be answered to its end, where nothing is wrong with it.
    pub awaited_operation: Option<String>,
}

pub enum Frame {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    /// A frame of text that is none.
    InvalidUtf8(Vec<u8>),
}

impl Message {
    fn of(frame: Frame) -> Self {
        Self { frame, awaited_operation: None }
    }

    fn json(value: &Value) -> Self {
        Self::of(Frame::Text(value.to_string()))
    }
}

impl RequestGenerator<'_> {
    pub fn socket_session(&self, random: &mut RandomSource) -> SocketSession {
        let mut talk = SocketSession {
            subprotocol: Some("graphql-transport-ws"),
            messages: Vec::new(),
            may_end_abruptly: false,
        };
        if random.chance(5) {
            talk.subprotocol = None;
        }
        if random.chance(90) {
            talk.messages.push(self.introduction(random));
        }
        for number in 0..=random.below(8) {
            let message = match random.below(10) {
                0..5 => self.good_operation(random, number),
                5..7 => self.broken_operation(random, number),
                7..9 => small_talk(random),
                _ if random.chance(70) => small_talk(random),
                _ => {
                    let (message, may_end_abruptly) = nonsense(random);
                    talk.may_end_abruptly |= may_end_abruptly;
                    message
                }
            };
            talk.messages.push(message);
        }
        talk
    }

    fn introduction(&self, random: &mut RandomSource) -> Message {
        let [member, reviewer, leaver] = &self.fixtures.tokens;
        let payload = match random.below(20) {
            0 => Value::Null,
            1 => arbitrary_json(random, 3),
            2 => json!({ "authorization": arbitrary_json(random, 1) }),
            3..8 => json!({}),
            8..12 => json!({ "authorization": format!("Bearer {member}") }),
            12..16 => json!({ "Authorization": format!("Bearer {reviewer}") }),
            _ => json!({ "authorization": format!("Bearer {leaver}") }),
        };
        Message::json(&json!({ "type": "connection_init", "payload": payload }))
    }

    fn good_operation(&self, random: &mut RandomSource, number: usize) -> Message {
        let mut document = self.document(random, 2);
        // Whoever is signed out is told nothing more: that is for the requests to try.
        if document.text.contains("signOut") {
            "{ __typename }".clone_into(&mut document.text);
            document.variables.clear();
            (document.name, document.kind) = (None, OperationType::Query);
        }
        let id = format!("operation {number}");
        let payload = envelope(&document, random);
        let message = Message::json(&json!({ "type": "subscribe", "id": id, "payload": payload }));
        let is_answered = document.kind != OperationType::Subscription;
        Message { awaited_operation: is_answered.then_some(id), ..message }
    }

    fn broken_operation(&self, random: &mut RandomSource, number: usize) -> Message {
        let document = self.document(random, 10);
        let payload = if random.chance(50) {
            envelope(&break_document(document, random, self.schema), random)
        } else {
            with_invalid_fields(&document, random)
        };
        let payload = Value::Object(payload).to_string().replace("signOut", "signOff");
        let payload: Value = serde_json::from_str(&payload).unwrap_or_default();
        Message::json(
            &json!({ "type": "subscribe", "id": format!("operation {number}"), "payload": payload }),
        )
    }
}

/// What says little, and is allowed.
fn small_talk(random: &mut RandomSource) -> Message {
    match random.below(6) {
        0 => Message::json(&json!({ "type": "ping" })),
        1 => Message::json(&json!({ "type": "ping", "payload": { "a": arbitrary_json(random, 2) } })),
        2 => Message::json(&json!({ "type": "pong", "payload": {} })),
        3 => {
            let length = random.below(120);
            Message::of(Frame::Ping(random.bytes(length)))
        }
        _ => Message::json(&json!({ "type": "complete", "id": "no operation" })),
    }
}

/// What is not, and whether it is not even WebSocket.
fn nonsense(random: &mut RandomSource) -> (Message, bool) {
    let text = match random.below(14) {
        0 => return (Message::of(Frame::Binary(random.bytes(20))), false),
        1 => {
            return (
                Message::of(Frame::InvalidUtf8(b"{\"type\":\"ping\",\"a\":\"\xff\xed\xa0\x80\"}".to_vec())),
                true,
            );
        }
        2 => "x".repeat(1024 * 1024 + 1),
        3 => return (Message::of(Frame::Text(" ".repeat(2 * 1024 * 1024 + 1))), true),
        4 => edge_cases::text(random),
        5 => json!({ "type": "connection_init" }).to_string(),
        6 => json!({ "type": arbitrary_json(random, 1), "id": arbitrary_json(random, 1) }).to_string(),
        7 => {
            json!({ "type": "subscribe", "id": arbitrary_json(random, 1), "payload": { "query": "{ __typename }" } })
                .to_string()
        }
        8 => json!({ "type": "subscribe", "id": "", "payload": { "query": "{ __typename }" } }).to_string(),
        9 => json!({ "type": "subscribe", "id": "1", "payload": arbitrary_json(random, 3) }).to_string(),
        10 => json!({ "type": "complete", "id": arbitrary_json(random, 1) }).to_string(),
        11 => "[".repeat(random.below(10_000)),
        12 => json!({ "type": "ping", "payload": { "authorization": arbitrary_json(random, 1) } }).to_string(),
        _ => "{\"type\":\"ping\",\"type\":\"pong\"}".to_owned(),
    };
    let spoiled = corrupt_sometimes(text.into_bytes(), random);
    (Message::of(Frame::Text(String::from_utf8_lossy(&spoiled).into_owned())), false)
}
