//! Messages of WebSocket clients: valid by the graphql-transport-ws protocol, and invalid.

use async_graphql::parser::types::OperationType;
use serde_json::{Value, json};

use super::broken_documents::break_document;
use super::edge_cases;
use super::json_bodies::{arbitrary_json, corrupt_sometimes, request_fields, with_invalid_fields};
use super::random::RandomSource;
use super::requests::RequestGenerator;

/// All messages that one client sends.
pub struct SocketSession {
    pub subprotocol: Option<&'static str>,
    pub messages: Vec<Message>,
    /// Whether a message violates the WebSocket protocol, so that the connection may end without a close
    /// frame.
    pub may_end_abruptly: bool,
}

pub struct Message {
    pub frame: Frame,
    /// The id of the operation that must be completed, if it is valid.
    pub awaited_operation: Option<String>,
}

pub enum Frame {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    /// A text frame that is not UTF-8.
    InvalidUtf8(Vec<u8>),
}

impl Message {
    fn new(frame: Frame) -> Self {
        Self { frame, awaited_operation: None }
    }

    fn json(value: &Value) -> Self {
        Self::new(Frame::Text(value.to_string()))
    }
}

impl RequestGenerator<'_> {
    /// Generates the messages of one client.
    pub fn socket_session(&self, random: &mut RandomSource) -> SocketSession {
        let mut session = SocketSession {
            subprotocol: Some("graphql-transport-ws"),
            messages: Vec::new(),
            may_end_abruptly: false,
        };
        if random.chance(5) {
            session.subprotocol = None;
        }
        if random.chance(90) {
            session.messages.push(self.connection_init(random));
        }
        for number in 0..=random.below(8) {
            let message = match random.below(10) {
                0..5 => self.valid_operation(random, number),
                5..7 => self.invalid_operation(random, number),
                7..9 => harmless_message(random),
                _ if random.chance(70) => harmless_message(random),
                _ => {
                    let (message, may_end_abruptly) = protocol_violation(random);
                    session.may_end_abruptly |= may_end_abruptly;
                    message
                }
            };
            session.messages.push(message);
        }
        session
    }

    fn connection_init(&self, random: &mut RandomSource) -> Message {
        let [member, reviewer, disposable] = &self.fixtures.tokens;
        let payload = match random.below(24) {
            20 => json!({ "authorization": random.pick(&["", " ", "Bearer ", "Bearer"]) }),
            21 => {
                json!({ "authorization": null, "headers": { "Authorization": format!("Bearer {member}") } })
            }
            22 => json!({ "headers": { "authorization": arbitrary_json(random, 1) } }),
            23 => json!({ "headers": arbitrary_json(random, 2) }),
            0 => Value::Null,
            1 => arbitrary_json(random, 3),
            2 => json!({ "authorization": arbitrary_json(random, 1) }),
            3..8 => json!({}),
            8..12 => json!({ "authorization": format!("Bearer {member}") }),
            12..16 => json!({ "Authorization": format!("Bearer {reviewer}") }),
            _ => json!({ "authorization": format!("Bearer {disposable}") }),
        };
        Message::json(&json!({ "type": "connection_init", "payload": payload }))
    }

    fn valid_operation(&self, random: &mut RandomSource, number: usize) -> Message {
        let mut document = self.document(random, 2);
        // Signing out ends all subscriptions of the session. Only HTTP requests do that.
        if document.text.contains("signOut") {
            "{ __typename }".clone_into(&mut document.text);
            document.variables.clear();
            (document.name, document.kind) = (None, OperationType::Query);
        }
        let id = format!("operation {number}");
        let payload = request_fields(&document, random);
        let message = Message::json(&json!({ "type": "subscribe", "id": id, "payload": payload }));
        let is_completed = document.kind != OperationType::Subscription;
        Message { awaited_operation: is_completed.then_some(id), ..message }
    }

    fn invalid_operation(&self, random: &mut RandomSource, number: usize) -> Message {
        let document = self.document(random, 10);
        let payload = if random.chance(50) {
            request_fields(&break_document(document, random, self.schema), random)
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

/// A valid message without an operation.
fn harmless_message(random: &mut RandomSource) -> Message {
    match random.below(8) {
        6 => Message::json(&json!({ "type": "ping", "payload": { "authorization": "" } })),
        7 => Message::json(&json!({ "type": "ping", "payload": { "headers": { "Authorization": null } } })),
        0 => Message::json(&json!({ "type": "ping" })),
        1 => Message::json(&json!({ "type": "ping", "payload": { "a": arbitrary_json(random, 2) } })),
        2 => Message::json(&json!({ "type": "pong", "payload": {} })),
        3 => {
            let length = random.below(120);
            Message::new(Frame::Ping(random.bytes(length)))
        }
        _ => Message::json(&json!({ "type": "complete", "id": "no operation" })),
    }
}

/// A message that violates graphql-transport-ws, and whether it violates the WebSocket protocol, too.
fn protocol_violation(random: &mut RandomSource) -> (Message, bool) {
    let text = match random.below(16) {
        14 => {
            let id = "\u{e9}".repeat(random.below(200));
            json!({ "type": "subscribe", "id": id, "payload": { "query": "{ __typename }" } }).to_string()
        }
        15 => json!({ "type": "complete", "id": "x".repeat(random.below(300)) }).to_string(),
        0 => return (Message::new(Frame::Binary(random.bytes(20))), false),
        1 => {
            return (
                Message::new(Frame::InvalidUtf8(b"{\"type\":\"ping\",\"a\":\"\xff\xed\xa0\x80\"}".to_vec())),
                true,
            );
        }
        2 => "x".repeat(1024 * 1024 + 1),
        3 => return (Message::new(Frame::Text(" ".repeat(2 * 1024 * 1024 + 1))), true),
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
    let corrupted = corrupt_sometimes(text.into_bytes(), random);
    (Message::new(Frame::Text(String::from_utf8_lossy(&corrupted).into_owned())), false)
}
