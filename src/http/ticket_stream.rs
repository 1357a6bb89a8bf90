//! A stream that a ticket has opened. The database records it, so that the ticket has one open stream on all
//! gateways.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, pending};
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::domain::id::StreamId;
use crate::http::state::AppState;
use crate::service;
use crate::service::stream_tickets;
use crate::service::tokens::StreamTicket;

/// How often a stream checks whether another one has replaced it. Only while the ticket is valid.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// A valid ticket, and the fingerprint of the operation that it is used for.
pub struct TicketUse {
    pub ticket: StreamTicket,
    pub fingerprint: Vec<u8>,
}

/// The open stream of a ticket. Dropping it frees the ticket.
pub struct TicketStream {
    state: Arc<AppState>,
    ticket: StreamTicket,
    stream_id: StreamId,
    /// Completes when another stream has replaced this one.
    replaced: BoxFuture<'static, ()>,
}

impl TicketStream {
    /// Records that the ticket has an open stream. Returns `None` if the ticket may not be used for this.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn open(
        state: &Arc<AppState>,
        ticket_use: TicketUse,
        is_reconnect: bool,
    ) -> service::Result<Option<Self>> {
        let TicketUse { ticket, fingerprint } = ticket_use;
        let opened =
            stream_tickets::open_stream(&state.services, &ticket, &fingerprint, is_reconnect).await?;
        Ok(opened.map(|stream_id| Self {
            replaced: wait_until_replaced(Arc::clone(state), ticket, stream_id).boxed(),
            state: Arc::clone(state),
            ticket,
            stream_id,
        }))
    }

    /// Waits until another stream has replaced this one.
    pub fn poll_replaced(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.replaced.poll_unpin(cx)
    }
}

impl Drop for TicketStream {
    fn drop(&mut self) {
        // An expired ticket opens no other stream.
        if self.ticket.expires_at <= self.state.services.now() {
            return;
        }
        let (state, ticket, stream_id) = (Arc::clone(&self.state), self.ticket, self.stream_id);
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(error) = stream_tickets::close_stream(&state.services, &ticket, stream_id).await {
                tracing::debug!(%error, "a closed stream still occupies its ticket");
            }
        });
    }
}

async fn wait_until_replaced(state: Arc<AppState>, ticket: StreamTicket, stream_id: StreamId) {
    loop {
        // Checked once more after the expiry: the stream may have been replaced just before.
        let is_last = ticket.expires_at <= state.services.now();
        sleep(CHECK_INTERVAL).await;
        match stream_tickets::is_replaced(&state.services, &ticket, stream_id).await {
            Ok(true) => return,
            Ok(false) if is_last => return pending().await,
            Ok(false) | Err(_) => {}
        }
    }
}
