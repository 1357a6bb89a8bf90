//! The version of what everybody sees, by which an answer is known to be the newest.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::domain::event::Event;

/// The position of the last event that changed it, as far as this gateway knows. Whatever is read from here on is not
/// older: positions are in the order of the commits, so that who sees one sees all before it.
#[derive(Debug, Clone, Default)]
pub struct PublicDataVersion(Arc<AtomicI64>);

impl PublicDataVersion {
    pub fn current(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }

    /// Takes an event into account: one of this gateway's own as soon as it is committed, others as they come.
    pub fn note(&self, event: &Event) {
        if event.body.changes_what_everybody_sees() {
            self.reset_to(event.position);
        }
    }

    /// Takes everything up to that position into account.
    pub fn reset_to(&self, position: i64) {
        self.0.fetch_max(position, Ordering::AcqRel);
    }
}
