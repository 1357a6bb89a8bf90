//! What is said over a socket: by the protocol graphql-transport-ws, or not.

use async_graphql::parser::types::OperationType;
use serde_json::{Value, json};

use super::breakage::broken;
use super::dice::Dice;
use super::oddities;
use super::requests::Maker;
use super::shapes::{envelope, odd_value, spoiled, with_odd_fields};

/// What one client says, from the first message to the last.
pub struct SocketSession {
    pub subprotocol: Option<&'static str>,
    pub messages: Vec<Message>,
    /// Some of it is no WebSocket at all: the connection may end without a word.
    pub is_mangled: bool,
}

pub struct Message {
    pub frame: Frame,
    /// The operation that must be answered to its end, where nothing is wrong with it.
    pub awaits: Option<String>,
}

pub enum Frame {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    /// A frame of text that is none.
    Garbled(Vec<u8>),
}

impl Message {
    fn of(frame: Frame) -> Self {
        Self { frame, awaits: None }
    }

    fn json(value: &Value) -> Self {
        Self::of(Frame::Text(value.to_string()))
    }
}

impl Maker<'_> {
    pub fn talk(&self, dice: &mut Dice) -> SocketSession {
        let mut talk = SocketSession {
            subprotocol: Some("graphql-transport-ws"),
            messages: Vec::new(),
            is_mangled: false,
        };
        if dice.percent(5) {
            talk.subprotocol = None;
        }
        if dice.percent(90) {
            talk.messages.push(self.introduction(dice));
        }
        for number in 0..=dice.below(8) {
            let message = match dice.below(10) {
                0..5 => self.good_operation(dice, number),
                5..7 => self.broken_operation(dice, number),
                7..9 => small_talk(dice),
                _ if dice.percent(70) => small_talk(dice),
                _ => {
                    let (message, is_mangled) = nonsense(dice);
                    talk.is_mangled |= is_mangled;
                    message
                }
            };
            talk.messages.push(message);
        }
        talk
    }

    fn introduction(&self, dice: &mut Dice) -> Message {
        let [member, reviewer, leaver] = &self.known.tokens;
        let payload = match dice.below(20) {
            0 => Value::Null,
            1 => odd_value(dice, 3),
            2 => json!({ "authorization": odd_value(dice, 1) }),
            3..8 => json!({}),
            8..12 => json!({ "authorization": format!("Bearer {member}") }),
            12..16 => json!({ "Authorization": format!("Bearer {reviewer}") }),
            _ => json!({ "authorization": format!("Bearer {leaver}") }),
        };
        Message::json(&json!({ "type": "connection_init", "payload": payload }))
    }

    fn good_operation(&self, dice: &mut Dice, number: usize) -> Message {
        let mut document = self.document(dice, 2);
        // Whoever is signed out is told nothing more: that is for the requests to try.
        if document.text.contains("signOut") {
            "{ __typename }".clone_into(&mut document.text);
            document.variables.clear();
            (document.name, document.kind) = (None, OperationType::Query);
        }
        let id = format!("operation {number}");
        let payload = envelope(&document, dice);
        let message = Message::json(&json!({ "type": "subscribe", "id": id, "payload": payload }));
        let is_answered = document.kind != OperationType::Subscription;
        Message { awaits: is_answered.then_some(id), ..message }
    }

    fn broken_operation(&self, dice: &mut Dice, number: usize) -> Message {
        let document = self.document(dice, 10);
        let payload = if dice.percent(50) {
            envelope(&broken(document, dice, self.schema), dice)
        } else {
            with_odd_fields(&document, dice)
        };
        let payload = Value::Object(payload).to_string().replace("signOut", "signOff");
        let payload: Value = serde_json::from_str(&payload).unwrap_or_default();
        Message::json(
            &json!({ "type": "subscribe", "id": format!("operation {number}"), "payload": payload }),
        )
    }
}

/// What says little, and is allowed.
fn small_talk(dice: &mut Dice) -> Message {
    match dice.below(6) {
        0 => Message::json(&json!({ "type": "ping" })),
        1 => Message::json(&json!({ "type": "ping", "payload": { "a": odd_value(dice, 2) } })),
        2 => Message::json(&json!({ "type": "pong", "payload": {} })),
        3 => {
            let length = dice.below(120);
            Message::of(Frame::Ping(dice.bytes(length)))
        }
        _ => Message::json(&json!({ "type": "complete", "id": "no operation" })),
    }
}

/// What is not, and whether it is not even WebSocket.
fn nonsense(dice: &mut Dice) -> (Message, bool) {
    let text = match dice.below(14) {
        0 => return (Message::of(Frame::Binary(dice.bytes(20))), false),
        1 => {
            return (
                Message::of(Frame::Garbled(b"{\"type\":\"ping\",\"a\":\"\xff\xed\xa0\x80\"}".to_vec())),
                true,
            );
        }
        2 => "x".repeat(1024 * 1024 + 1),
        3 => return (Message::of(Frame::Text(" ".repeat(2 * 1024 * 1024 + 1))), true),
        4 => oddities::text(dice),
        5 => json!({ "type": "connection_init" }).to_string(),
        6 => json!({ "type": odd_value(dice, 1), "id": odd_value(dice, 1) }).to_string(),
        7 => {
            json!({ "type": "subscribe", "id": odd_value(dice, 1), "payload": { "query": "{ __typename }" } })
                .to_string()
        }
        8 => json!({ "type": "subscribe", "id": "", "payload": { "query": "{ __typename }" } }).to_string(),
        9 => json!({ "type": "subscribe", "id": "1", "payload": odd_value(dice, 3) }).to_string(),
        10 => json!({ "type": "complete", "id": odd_value(dice, 1) }).to_string(),
        11 => "[".repeat(dice.below(10_000)),
        12 => json!({ "type": "ping", "payload": { "authorization": odd_value(dice, 1) } }).to_string(),
        _ => "{\"type\":\"ping\",\"type\":\"pong\"}".to_owned(),
    };
    let spoiled = spoiled(text.into_bytes(), dice);
    (Message::of(Frame::Text(String::from_utf8_lossy(&spoiled).into_owned())), false)
}
