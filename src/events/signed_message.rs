//! Messages on the Redis channel: events with a message authentication code (MAC).
//!
//! Without a MAC, anybody who can publish on the channel could invent events, or make the next real events
//! look old. A message is `MAC.POSITION.BODY`: the MAC in base64, the position in decimal, and the event as
//! JSON. The MAC (HMAC-SHA-256, with a key that the gateways of one installation share) covers the epoch of
//! the log, the position and the body. So a message of another installation, another epoch or another
//! position is not authentic. A repeated message is authentic, but the tailer drops it by its position.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::DateTime;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::domain::event::{Event, EventBody};

/// Signs and verifies the messages of one epoch of the log.
#[derive(Clone)]
pub struct MessageKey {
    /// One MAC for each key, the newest first. Each already covers the epoch.
    macs: Vec<Hmac<Sha256>>,
}

impl MessageKey {
    /// The first key signs, and all of them verify.
    pub fn new(keys: &[[u8; 32]], epoch: Uuid) -> Self {
        let mac = |key: &[u8; 32]| {
            Hmac::new_from_slice(key).expect("HMAC takes a key of any length").chain_update(epoch.as_bytes())
        };
        Self { macs: keys.iter().map(mac).collect() }
    }

    /// The message that carries the event.
    pub fn sign(&self, event: &Event) -> String {
        let body = serde_json::to_string(event).expect("an event is plain data");
        let code = mac_of(&self.macs[0], event.position, &body).finalize().into_bytes();
        format!("{}.{}.{body}", BASE64_URL_SAFE_NO_PAD.encode(code), event.position)
    }

    /// The event of a message; `None` if the message is not authentic. If this version does not understand
    /// the body, a gateway of a newer version has sent it: the event is then [`EventBody::Unknown`].
    pub fn verify(&self, message: &[u8]) -> Option<Event> {
        let mut parts = std::str::from_utf8(message).ok()?.splitn(3, '.');
        let (code, position, body) = (parts.next()?, parts.next()?, parts.next()?);
        let code = BASE64_URL_SAFE_NO_PAD.decode(code).ok()?;
        let position = position.parse().ok()?;
        self.macs.iter().find(|mac| mac_of(mac, position, body).verify_slice(&code).is_ok())?;
        let event = serde_json::from_str(body).ok();
        let unknown = Event { position, occurred_at: DateTime::UNIX_EPOCH, body: EventBody::Unknown };
        Some(event.filter(|event: &Event| event.position == position).unwrap_or(unknown))
    }
}

fn mac_of(mac: &Hmac<Sha256>, position: i64, body: &str) -> Hmac<Sha256> {
    mac.clone().chain_update(position.to_be_bytes()).chain_update(body)
}

impl fmt::Debug for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageKey")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::id::{SessionId, UserId};

    fn event(position: i64) -> Event {
        let (session_id, user_id) =
            (SessionId::from_uuid(Uuid::from_u128(1)), UserId::from_uuid(Uuid::from_u128(2)));
        let body = EventBody::SessionEnded { session_id, user_id };
        Event { position, occurred_at: DateTime::UNIX_EPOCH, body }
    }

    fn key() -> MessageKey {
        MessageKey::new(&[[7; 32]], Uuid::from_u128(3))
    }

    /// An authentic message with any body, as a gateway of a newer version sends it.
    fn sign_body(position: i64, body: &str) -> String {
        let code = mac_of(&key().macs[0], position, body).finalize().into_bytes();
        format!("{}.{position}.{body}", BASE64_URL_SAFE_NO_PAD.encode(code))
    }

    #[test]
    fn only_messages_with_the_same_key_and_epoch_are_authentic() {
        let message = key().sign(&event(5));
        assert_eq!(key().verify(message.as_bytes()), Some(event(5)));
        let other_key = MessageKey::new(&[[8; 32]], Uuid::from_u128(3));
        let other_epoch = MessageKey::new(&[[7; 32]], Uuid::from_u128(4));
        let changed_key = MessageKey::new(&[[8; 32], [7; 32]], Uuid::from_u128(3));
        assert_eq!(changed_key.verify(message.as_bytes()), Some(event(5)), "the older key still verifies");
        assert_eq!(key().verify(changed_key.sign(&event(5)).as_bytes()), None, "the newer key signs");
        assert_eq!(other_key.verify(message.as_bytes()), None);
        assert_eq!(other_epoch.verify(message.as_bytes()), None);
        let json = serde_json::to_string(&event(5)).expect("JSON");
        let (code, _) = message.split_once('.').expect("three parts");
        for forged in [
            json.clone(),
            format!(".5.{json}"),
            format!("{code}.6.{json}"),
            format!("{code}.05x.{json}"),
            format!("{code}.9223372036854775807.{json}"),
            format!("{code}.5.{}", json.replace("SESSION_ENDED", "ROLE_CHANGED")),
            format!("{code}.5"),
            String::new(),
        ] {
            assert_eq!(key().verify(forged.as_bytes()), None, "{forged}");
        }
    }

    #[test]
    fn an_authentic_message_that_this_version_does_not_understand_is_an_unknown_event() {
        let json = serde_json::to_value(event(5)).expect("JSON");
        let with = |name: &str, value: serde_json::Value| {
            let mut json = json.clone();
            json[name] = value;
            json.to_string()
        };
        let mut missing = json.clone();
        missing.as_object_mut().expect("an object").remove("user_id");
        for body in [
            with("kind", "GIG_BOOSTED".into()),
            with("kind", 7.into()),
            with("user_id", "nobody".into()),
            with("position", 6.into()),
            with("occurred_at", "yesterday".into()),
            missing.to_string(),
            "[]".into(),
            "null".into(),
            "not JSON".into(),
            String::new(),
        ] {
            let received = key().verify(sign_body(5, &body).as_bytes()).expect("authentic");
            assert_eq!((received.position, received.body), (5, EventBody::Unknown), "{body}");
        }
        let extra = with("boosted_until", serde_json::json!({ "at": [1, 2] }));
        assert_eq!(key().verify(sign_body(5, &extra).as_bytes()), Some(event(5)));
    }

    proptest! {
        #[test]
        fn random_bytes_and_changed_messages_are_not_authentic(
            noise in proptest::collection::vec(any::<u8>(), 0..300),
            index in any::<prop::sample::Index>(),
            bit in 0_u8..8,
        ) {
            prop_assert_eq!(key().verify(&noise), None);
            let mut message = key().sign(&event(5)).into_bytes();
            let index = index.index(message.len());
            message[index] ^= 1 << bit;
            prop_assert_eq!(key().verify(&message), None);
        }
    }
}
