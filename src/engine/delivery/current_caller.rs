//! The caller of a long-lived connection, who can change.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::graphql::context::Caller;

/// The current caller of a connection. A connection and its subscriptions share one value, so new credentials
/// or the loss of a role affect all of them.
#[derive(Debug, Clone)]
pub struct CurrentCaller(Arc<Mutex<Caller>>);

impl CurrentCaller {
    pub fn new(caller: Caller) -> Self {
        Self(Arc::new(Mutex::new(caller)))
    }

    pub fn caller(&self) -> Caller {
        self.lock().clone()
    }

    pub fn set(&self, caller: Caller) {
        *self.lock() = caller;
    }

    pub(super) fn can_review(&self) -> bool {
        matches!(&*self.lock(), Caller::Viewer(viewer) if viewer.role.can_review())
    }

    fn lock(&self) -> MutexGuard<'_, Caller> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
