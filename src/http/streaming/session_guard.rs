//! Ends the connection of a stream whose client reads nothing when its session or its credentials have ended.
//!
//! A stream watches its session itself, but only while the server asks it for more to send. It does not while
//! the client reads nothing.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, pending, select};
use tokio::time::{sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use crate::engine::Caller;
use crate::http::connection_io::ConnectionHandle;
use crate::http::credentials::Credentials;
use crate::http::session_watch::{SessionEvent, SessionWatch};
use crate::http::state::AppState;

/// How long the stream may take to end by itself.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// Watches the session until the result is dropped. `None` for an anonymous client. The caller must check the
/// credentials once more afterwards: see [`SessionWatch::watch`].
pub fn start(
    state: &Arc<AppState>,
    credentials: &Credentials,
    connection: &ConnectionHandle,
    request_id: &Arc<str>,
) -> Option<AbortOnDropHandle<()>> {
    let Caller::Viewer(_) = &credentials.caller else { return None };
    let mut session_watch = SessionWatch::new(Arc::clone(state), Arc::clone(request_id));
    session_watch.watch(credentials);
    let connection = connection.clone();
    Some(AbortOnDropHandle::new(tokio::spawn(async move {
        if wait_for_end(session_watch).await {
            sleep(END_TIMEOUT).await;
            connection.abort();
        }
    })))
}

/// Waits until the session or the credentials have ended. Returns `false` if the gateway is shutting down
/// instead.
async fn wait_for_end(mut session_watch: SessionWatch) -> bool {
    let ends_at = session_watch.ends_at();
    let expiry = std::pin::pin!(async {
        match ends_at {
            Some(ends_at) => sleep_until(ends_at).await,
            None => pending().await,
        }
    });
    let session_end = std::pin::pin!(async {
        loop {
            match poll_fn(|cx| session_watch.poll_event(cx)).await {
                SessionEvent::SessionEnded | SessionEvent::Interrupted => return true,
                SessionEvent::ShuttingDown => return false,
                SessionEvent::RoleChanged => {}
            }
        }
    });
    match select(session_end, expiry).await {
        Either::Left((has_ended, _)) => has_ended,
        Either::Right(((), _)) => true,
    }
}
