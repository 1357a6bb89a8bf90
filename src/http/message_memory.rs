//! Limits how much memory incomplete requests and messages take: a client may send them slowly, or never to
//! their end.

use std::net::IpAddr;
use std::sync::Arc;

use crate::domain::id::SessionId;
use crate::domain::network::client_site;
use crate::http::connection_limit::{ByteLimit, Permit};

const MEBIBYTE: usize = 1024 * 1024;

/// Bytes that one sender may have in memory.
const SENDER_BYTES: usize = 16 * MEBIBYTE;

/// Bytes of the anonymous clients of one site: of an IPv6 /48 network, which has many networks.
const ANONYMOUS_SITE_BYTES: usize = 32 * MEBIBYTE;

/// Bytes of the signed-in clients of one site. One user can have many sessions.
const SIGNED_IN_SITE_BYTES: usize = 64 * MEBIBYTE;

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
    signed_in: Pool,
    anonymous: Pool,
}

struct Pool {
    by_sender: Arc<ByteLimit<Sender>>,
    by_site: Arc<ByteLimit<IpAddr>>,
}

impl Pool {
    fn new(site_bytes: usize, total_bytes: usize) -> Self {
        let by_sender = ByteLimit::with_total(SENDER_BYTES, total_bytes);
        Self { by_sender, by_site: ByteLimit::new(site_bytes) }
    }
}

/// The memory of the messages that one sender sends at a time.
#[derive(Debug)]
pub struct MemoryPermit {
    of_sender: Permit<Sender>,
    of_site: Permit<IpAddr>,
    bytes: usize,
}

impl MemoryPermit {
    /// Lets the permit count as this many bytes. Returns whether the limits allow that; otherwise nothing
    /// changes.
    fn try_resize(&mut self, bytes: usize) -> bool {
        if !self.of_site.try_resize(bytes) {
            return false;
        }
        if !self.of_sender.try_resize(bytes) {
            self.of_site.try_resize(self.bytes);
            return false;
        }
        self.bytes = bytes;
        true
    }
}

impl Default for MessageMemory {
    fn default() -> Self {
        Self {
            signed_in: Pool::new(SIGNED_IN_SITE_BYTES, SIGNED_IN_BYTES),
            anonymous: Pool::new(ANONYMOUS_SITE_BYTES, ANONYMOUS_BYTES),
        }
    }
}

impl MessageMemory {
    /// A permit for the messages of a sender with this address. It counts no bytes yet.
    pub fn permit(&self, sender: Sender, address: IpAddr) -> MemoryPermit {
        let pool = match sender {
            Sender::SignedIn(_) => &self.signed_in,
            Sender::Anonymous(_) => &self.anonymous,
        };
        let of_site = pool.by_site.empty_permit(client_site(address));
        MemoryPermit { of_sender: pool.by_sender.empty_permit(sender), of_site, bytes: 0 }
    }

    /// Changes the number of bytes that a permit counts. Returns whether the limits allow it. A small message
    /// needs no permit. `new_permit` creates the permit of a larger message that does not have one yet.
    pub fn resize(
        permit: &mut Option<MemoryPermit>,
        new_permit: impl FnOnce() -> MemoryPermit,
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
    use uuid::Uuid;

    use super::*;

    fn take(memory: &MessageMemory, sender: Sender, address: IpAddr) -> Option<MemoryPermit> {
        let mut permit = None;
        MessageMemory::resize(&mut permit, || memory.permit(sender, address), SENDER_BYTES)
            .then_some(permit)?
    }

    #[test]
    fn a_sender_has_a_limit_and_anonymous_clients_have_one_together() {
        let memory = MessageMemory::default();
        let address = |number: u8| IpAddr::from([192, 0, 2, number]);
        let anonymous = |number: u8| take(&memory, Sender::Anonymous(address(number)), address(number));
        let mut held = Vec::new();
        for number in 0..4 {
            held.push(anonymous(number).expect("within its limit"));
            assert!(anonymous(number).is_none());
        }
        assert!(anonymous(5).is_none(), "the limit of all is reached");
        let new_permit = || memory.permit(Sender::Anonymous(address(5)), address(5));
        assert!(MessageMemory::resize(&mut None, new_permit, 1000), "a small message passes");
        assert!(take(&memory, Sender::SignedIn(SessionId::nil()), address(5)).is_some());
        drop(held);
        assert!(anonymous(5).is_some());
    }

    #[test]
    fn neither_many_sessions_nor_many_networks_of_one_site_take_all() {
        let memory = MessageMemory::default();
        let session = |number: u128| Sender::SignedIn(SessionId::from_uuid(Uuid::from_u128(number)));
        let address = IpAddr::from([192, 0, 2, 1]);
        let held: Vec<_> = (0..16).filter_map(|number| take(&memory, session(number), address)).collect();
        assert_eq!(held.len(), SIGNED_IN_SITE_BYTES / SENDER_BYTES);
        assert!(take(&memory, session(20), IpAddr::from([192, 0, 2, 2])).is_some());
        let network = |number: u16| IpAddr::from([0x2001, 0xdb8, 1, number, 0, 0, 0, 0]);
        let of_site = (0..16).map(network).map(|network| take(&memory, Sender::Anonymous(network), network));
        let held: Vec<_> = of_site.flatten().collect();
        assert_eq!(held.len(), ANONYMOUS_SITE_BYTES / SENDER_BYTES);
        let other = IpAddr::from([0x2001, 0xdb8, 2, 0, 0, 0, 0, 0]);
        assert!(take(&memory, Sender::Anonymous(other), other).is_some());
        // What was refused by one limit does not count for the other.
        drop(held);
        assert!(take(&memory, Sender::Anonymous(network(7)), network(7)).is_some());
    }
}
