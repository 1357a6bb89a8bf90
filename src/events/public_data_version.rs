//! The version of the public data, by which the response cache recognizes stale responses.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::domain::event::Event;

/// The position of the last known event that changed data which anonymous clients can see. It only grows.
///
/// A response that is computed after a version was read is at least as new as that version: positions are in
/// commit order, so a transaction that sees one event sees all events before it.
#[derive(Debug, Clone, Default)]
pub struct PublicDataVersion(Arc<AtomicI64>);

impl PublicDataVersion {
    pub fn current(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }

    /// Advances to the event, if it changes public data. Called for this gateway's own events right after
    /// their commit, and for all others when they arrive.
    pub fn observe(&self, event: &Event) {
        if event.body.changes_public_data() {
            self.advance_to(event.position);
        }
    }

    /// Advances to `position`, if that is newer.
    pub fn advance_to(&self, position: i64) {
        self.0.fetch_max(position, Ordering::AcqRel);
    }
}
