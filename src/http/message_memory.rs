//! Limits how much memory incomplete requests and messages take: a client may send them slowly, or never to
//! their end.

use std::net::IpAddr;
use std::sync::Arc;

use crate::domain::id::SessionId;
use crate::http::connection_limit::{ByteLimit, Permit};

const MEBIBYTE: usize = 1024 * 1024;

/// Bytes that one sender may have in memory.
const SENDER_BYTES: usize = 16 * MEBIBYTE;

/// Bytes of all anonymous clients together.
const ANONYMOUS_BYTES: usize = 64 * MEBIBYTE;

/// Bytes of all signed-in clients together.
const SIGNED_IN_BYTES: usize = 256 * MEBIBYTE;

/// Messages up to this size are not counted. Nearly all messages are that small.
const UNCOUNTED_BYTES: usize = 16 * 1024;

/// Who sends a request or a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    SignedIn(SessionId),
    /// The anonymous clients of one network.
    Anonymous(IpAddr),
}

/// The memory in use. Anonymous clients cannot use up that of signed-in ones.
pub struct MessageMemory {
    signed_in: Arc<ByteLimit<Sender>>,
    anonymous: Arc<ByteLimit<Sender>>,
}

impl Default for MessageMemory {
    fn default() -> Self {
        Self {
            signed_in: ByteLimit::with_total(SENDER_BYTES, SIGNED_IN_BYTES),
            anonymous: ByteLimit::with_total(SENDER_BYTES, ANONYMOUS_BYTES),
        }
    }
}

impl MessageMemory {
    /// A permit for the messages of a sender. It counts no bytes yet.
    pub fn permit(&self, sender: Sender) -> Permit<Sender> {
        match sender {
            Sender::SignedIn(_) => self.signed_in.empty_permit(sender),
            Sender::Anonymous(_) => self.anonymous.empty_permit(sender),
        }
    }

    /// Changes the number of bytes that a permit counts. Returns whether the limits allow it. A small message
    /// needs no permit. `new_permit` creates the permit of a larger message that does not have one yet.
    pub fn resize(
        permit: &mut Option<Permit<Sender>>,
        new_permit: impl FnOnce() -> Permit<Sender>,
        bytes: usize,
    ) -> bool {
        if bytes > UNCOUNTED_BYTES {
            return permit.get_or_insert_with(new_permit).try_resize(bytes);
        }
        *permit = None;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_has_a_limit_and_anonymous_clients_have_one_together() {
        let memory = MessageMemory::default();
        let network = |number: u8| Sender::Anonymous(IpAddr::from([192, 0, 2, number]));
        let take = |sender, mebibytes: usize| {
            let mut permit = None;
            MessageMemory::resize(&mut permit, || memory.permit(sender), mebibytes * MEBIBYTE)
                .then_some(permit)
        };
        let mut held = Vec::new();
        for number in 0..4 {
            held.push(take(network(number), 16).expect("within its limit"));
            assert!(take(network(number), 1).is_none());
        }
        assert!(take(network(5), 1).is_none(), "the limit of all is reached");
        let new_permit = || memory.permit(network(5));
        assert!(MessageMemory::resize(&mut None, new_permit, 1000), "a small message passes");
        assert!(take(Sender::SignedIn(SessionId::nil()), 16).is_some());
        drop(held);
        assert!(take(network(5), 16).is_some());
    }
}
