//! `gigStatusChanged`.

use async_graphql::{ComplexObject, Context, ID, SimpleObject, Subscription};
use futures_util::future::ready;
use futures_util::stream::Stream;

use crate::domain::event::{EventBody, Topic};
use crate::domain::gig;
use crate::domain::gig::GigStatus as Status;
use crate::domain::id::{GigId, SubjectId};
use crate::domain::user::Viewer;
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Error, ErrorCode, Result, nullable};
use crate::graphql::loaders::ReasonsOfVersion;
use crate::graphql::loaders::review_texts::open_reasons;
use crate::graphql::subscription::source::hand_over;
use crate::graphql::subscription::{Delivery, Event, is_resuming, open_source, session_scope};
use crate::graphql::types::gig::{Gig, GigStatus};
use crate::graphql::types::node::{parse_id_or_nil, public_id};
use crate::graphql::types::review::ReviewReason;
use crate::graphql::types::scalar::DateTime;
use crate::service::Services;
use crate::store::{event_log, gigs};

/// The status of a gig has changed. A SNAPSHOT has the current status instead.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct GigStatusEvent {
    /// The position of the event in the log. Give it as `after` to resume after this event.
    #[graphql(owned)]
    pub cursor: String,
    /// Whether this is a new event, an earlier one from the log, or a snapshot of the current state.
    #[graphql(owned)]
    pub delivery: Delivery,
    /// When the status changed. For a SNAPSHOT, when it was taken.
    #[graphql(owned)]
    pub occurred_at: DateTime,
    /// The id of the gig.
    gig_id: ID,
    /// The version of the gig after the change. For a SNAPSHOT, the current version.
    version: i32,
    /// The status before the change; null if the gig was created, and for a SNAPSHOT.
    previous_status: Option<GigStatus>,
    /// The status after the change. For a SNAPSHOT, the current status.
    status: GigStatus,
    #[graphql(skip)]
    gig_row_id: GigId,
    /// Whether this version is the result of a decision with reasons.
    #[graphql(skip)]
    has_reasons: bool,
}

#[ComplexObject]
impl GigStatusEvent {
    /// The reasons of the reviewer; empty if the status is neither REJECTED nor SUSPENDED.
    async fn reasons(&self, ctx: &Context<'_>) -> Result<Vec<ReviewReason>> {
        if !self.has_reasons {
            return Ok(Vec::new());
        }
        let subject = SubjectId::Gig(self.gig_row_id);
        let stored = ctx.loader().load_one(ReasonsOfVersion(subject, self.version)).await?;
        let Some((decision_id, reasons)) = stored else { return Ok(Vec::new()) };
        let reasons = open_reasons(ctx, (decision_id, subject), reasons).await?;
        Ok(reasons.into_iter().map(ReviewReason::from).collect())
    }

    /// The current state of the gig, which may be newer than the event; null if the viewer may not see it any
    /// more.
    async fn gig(&self, ctx: &Context<'_>) -> Option<Result<Gig>> {
        nullable(Gig::load_current(ctx, self.gig_row_id)).await
    }
}

impl GigStatusEvent {
    fn snapshot(gig: &gig::Gig, position: i64, services: &Services) -> Self {
        Self {
            cursor: services.streams.cursor(position).encode(),
            delivery: Delivery::Snapshot,
            occurred_at: services.now().into(),
            gig_id: public_id(gig.id),
            version: gig.version,
            previous_status: None,
            status: gig.status.into(),
            gig_row_id: gig.id,
            has_reasons: matches!(gig.status, Status::Rejected | Status::Suspended),
        }
    }
}

#[derive(Default)]
pub struct GigStatusSubscription;

#[Subscription]
impl GigStatusSubscription {
    /// Changes of the status of gigs. With `gigId`, the changes of this gig, starting with a SNAPSHOT unless
    /// `after` is given. NOT_FOUND unless the gig is the viewer's own, or the viewer is a reviewer. Without
    /// `gigId`, the changes of all gigs of the viewer, without a SNAPSHOT. Requires a session.
    async fn gig_status_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of a gig. Without it: all gigs of the viewer.")] gig_id: Option<ID>,
        #[graphql(
            desc = "Start with the events after this cursor, from an event or from `Query.eventCursor`. \
                    INVALID_CURSOR if it is malformed, CURSOR_EXPIRED if the event log no longer has the \
                    events after it."
        )]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<GigStatusEvent>>> {
        let viewer = ctx.require_viewer()?;
        let gig_id = gig_id.as_ref().map(parse_id_or_nil);
        let topic = gig_id.map_or(Topic::GigsOfSeller(viewer.id()), Topic::Gig);
        let fanout = (topic, session_scope(viewer));
        let mut source = open_source(ctx, fanout, after.as_deref(), |services, delivery, event| {
            let cursor = services.streams.cursor(event.position).encode();
            ready(Ok(match &event.body {
                EventBody::GigStatus { gig_id, version, previous, status, reason_codes, .. } => {
                    Some(Event::GigStatus(GigStatusEvent {
                        cursor,
                        delivery: delivery.into(),
                        occurred_at: event.occurred_at.into(),
                        gig_id: public_id(*gig_id),
                        version: *version,
                        previous_status: previous.map(GigStatus::from),
                        status: (*status).into(),
                        gig_row_id: *gig_id,
                        has_reasons: !reason_codes.is_empty(),
                    }))
                }
                _ => None,
            }))
        })
        .await?;
        if let Some(gig_id) = gig_id {
            let (position, gig) = load_snapshot(ctx, viewer, gig_id).await?;
            source.requires_reviewer = gig.seller_id != viewer.id();
            if !is_resuming(ctx, after.as_deref()) {
                source.stream.skip_to(position);
                let snapshot = GigStatusEvent::snapshot(&gig, position, ctx.services());
                source.first = Some((position, Event::GigStatus(snapshot)));
            }
        }
        Ok(hand_over(ctx, source))
    }
}

/// The current state of the gig, and the position in the event log that it belongs to.
///
/// # Errors
/// NOT_FOUND if the viewer is neither the seller nor a reviewer.
async fn load_snapshot(ctx: &Context<'_>, viewer: &Viewer, gig_id: GigId) -> Result<(i64, gig::Gig)> {
    // Both reads see the same state, so the snapshot includes every event up to the position, and none after
    // it.
    let snapshot = ctx.db().snapshot().await?;
    let position = event_log::newest_position(&*snapshot).await?;
    let gig = gigs::find_visible(&*snapshot, Some(viewer), gig_id).await?;
    snapshot.end().await?;
    ctx.services().public_data_version.advance_to(position);
    let gig = gig.filter(|gig| gig.is_review_visible_to(Some(viewer))).ok_or_else(|| {
        Error::new(
            ErrorCode::NotFound,
            "There is no gig with this `gigId` whose status you may subscribe to.",
        )
    })?;
    Ok((position, gig))
}
