//! Watches the session of a long-lived connection: the session may end, and the user may get another role,
//! while the connection is open.
//!
//! The expiry of the credentials is not watched here. The connection must end at [`SessionWatch::ends_at`].

use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;

use crate::engine::delivery::CurrentCaller;
pub use crate::engine::delivery::SessionEvent;
use crate::http::credentials::Credentials;
use crate::http::state::AppState;

/// Watches the session of one connection.
pub struct SessionWatch {
    state: Arc<AppState>,
    current_caller: CurrentCaller,
    ends_at: Option<Instant>,
}

impl SessionWatch {
    /// Starts without a session: the client is anonymous until [`watch`](Self::watch) is called.
    pub fn new(state: Arc<AppState>, request_id: Arc<str>) -> Self {
        let current_caller = CurrentCaller::anonymous(Arc::clone(&state.services), request_id);
        Self { state, current_caller, ends_at: None }
    }

    /// The caller with its current role.
    pub fn current_caller(&self) -> &CurrentCaller {
        &self.current_caller
    }

    /// When the connection must end, unless the client sends new credentials first: some time after the
    /// credentials have expired. [`poll_event`](Self::poll_event) does not report it. `None` for an anonymous
    /// client.
    pub fn ends_at(&self) -> Option<Instant> {
        self.ends_at
    }

    /// Watches the session of these credentials from now on. The caller of this method must check the
    /// credentials once more afterwards: [`poll_event`](Self::poll_event) reports only changes after this
    /// call, and the session may have changed between the first check and this call.
    pub fn watch(&mut self, credentials: &Credentials) {
        self.ends_at = credentials.expires_at.map(|expires_at| {
            let remaining = (expires_at - self.state.services.now()).to_std().unwrap_or_default();
            Instant::now() + remaining + self.state.limits.token_grace
        });
        self.current_caller.watch(credentials.caller.clone());
    }

    /// Whether the caller's current role or session is unknown. Nothing must be sent until it is known.
    pub fn is_rechecking(&self) -> bool {
        self.current_caller.is_rechecking()
    }

    /// Waits for the next change of the session or the role. The expiry of the credentials is not one: see
    /// [`ends_at`](Self::ends_at).
    pub fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<SessionEvent> {
        self.current_caller.poll_event(cx)
    }
}
