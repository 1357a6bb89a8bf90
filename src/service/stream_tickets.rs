//! Stream tickets. A ticket is valid for 60 seconds, and opens one stream at a time, of one operation. The
//! stream ends some time (30 seconds by default) after the expiry of the access token that the ticket was
//! created with.
//!
//! A ticket is part of a URL, which can appear in a log or a browser history. The database records the use of
//! each ticket, so that all gateways know it.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::id::StreamId;
use crate::domain::user::Viewer;
use crate::service::accounts::find_viewer;
use crate::service::tokens::StreamTicket;
use crate::service::{Error, Result, Services};
use crate::store::stream_tickets as store;

/// How long the record of a ticket is stored after the ticket expires. It is longer than a stream needs to
/// notice that another one has replaced it.
const RECORD_LIFETIME: TimeDelta = TimeDelta::minutes(1);

/// Returns a ticket that opens a stream for the viewer, and its expiry.
///
/// # Errors
/// [`Error::Unauthenticated`] if the access token has expired. A connection stays open for a short time after
/// that.
pub fn create(services: &Services, viewer: &Viewer) -> Result<(String, DateTime<Utc>)> {
    let (session_id, access_until, now) = (viewer.session_id, viewer.access_until, services.now());
    if access_until <= now {
        return Err(Error::Unauthenticated);
    }
    services.tokens.issue_stream_ticket(services.new_id(), session_id, access_until, now)
}

/// Verifies a ticket, and returns its viewer.
///
/// # Errors
/// [`Error::Unauthenticated`] if the ticket is invalid or expired, [`Error::SessionEnded`].
pub async fn redeem(services: &Services, ticket: &str) -> Result<(Viewer, StreamTicket)> {
    let ticket = services.tokens.verify_stream_ticket(ticket, services.now());
    let ticket = ticket.ok_or(Error::Unauthenticated)?;
    Ok((find_viewer(services, ticket.session_id, ticket.access_until).await?, ticket))
}

/// Opens a stream with a ticket, for the operation with this fingerprint. The first use binds the ticket to the
/// operation. A client that reconnects replaces its stream. Returns `None` if the ticket is bound to another
/// operation, or if its stream is open and the client does not reconnect.
pub async fn open_stream(
    services: &Services,
    ticket: &StreamTicket,
    fingerprint: &[u8],
    is_reconnect: bool,
) -> Result<Option<StreamId>> {
    let stream_id = services.new_id();
    let work = services.begin().await?;
    let is_open = store::insert(work.tx(), ticket.id, fingerprint, stream_id, ticket.expires_at).await?
        || store::open_again(work.tx(), ticket.id, fingerprint, stream_id, is_reconnect).await?;
    work.commit().await?;
    Ok(is_open.then_some(stream_id))
}

/// Whether a reconnecting client has replaced the stream.
pub async fn is_replaced(services: &Services, ticket: &StreamTicket, stream_id: StreamId) -> Result<bool> {
    Ok(store::is_replaced(services.db.read(), ticket.id, stream_id).await?)
}

/// Records that the stream is closed.
pub async fn close_stream(services: &Services, ticket: &StreamTicket, stream_id: StreamId) -> Result<()> {
    let work = services.begin().await?;
    store::close(work.tx(), ticket.id, stream_id).await?;
    work.commit().await
}

/// Deletes the records of expired tickets, and returns how many.
pub async fn delete_expired(services: &Services) -> Result<u64> {
    let work = services.begin().await?;
    let deleted = store::delete_expired(work.tx(), services.now() - RECORD_LIFETIME).await?;
    work.commit().await?;
    Ok(deleted)
}
