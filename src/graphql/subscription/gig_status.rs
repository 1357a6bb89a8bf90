//! `gigStatusChanged`.

use async_graphql::{ComplexObject, Context, ID, SimpleObject, Subscription};
use futures_util::future::ready;
use futures_util::stream::Stream;
use uuid::Uuid;

use crate::domain::event::{EventBody, Topic};
use crate::domain::gig;
use crate::domain::gig::GigStatus as Status;
use crate::domain::id::IdKind;
use crate::domain::user::Viewer;
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Error, ErrorCode, Result, nullable};
use crate::graphql::loaders::ReasonsOf;
use crate::graphql::subscription::source::hand_over;
use crate::graphql::subscription::{Delivery, Event, begin, of_session, resumes};
use crate::graphql::types::gig::{Gig, GigStatus};
use crate::graphql::types::node::{public_id, row_id};
use crate::graphql::types::review::ReviewReason;
use crate::graphql::types::scalar::DateTime;
use crate::service::Services;
use crate::store::{event_log, gigs};

/// A gig has come to a status; or, as a SNAPSHOT, has one.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct GigStatusEvent {
    /// Begins another stream behind this event, by `after:`.
    #[graphql(owned)]
    pub cursor: String,
    /// How it came.
    #[graphql(owned)]
    pub delivery: Delivery,
    /// When it happened; of a SNAPSHOT, when it was taken.
    #[graphql(owned)]
    pub occurred_at: DateTime,
    /// The gig.
    gig_id: ID,
    /// The gig's version that this made, or, of a SNAPSHOT, that it has.
    version: i32,
    /// The status before; null of a gig that was just made, and of a SNAPSHOT.
    previous_status: Option<GigStatus>,
    /// The status that it came to.
    status: GigStatus,
    #[graphql(skip)]
    gig_row: Uuid,
    /// Whether a decision made this version, whose reasons are to be shown.
    #[graphql(skip)]
    decided: bool,
}

#[ComplexObject]
impl GigStatusEvent {
    /// Why a reviewer decided so; empty where it was no refusal.
    async fn reasons(&self, ctx: &Context<'_>) -> Result<Vec<ReviewReason>> {
        if !self.decided {
            return Ok(Vec::new());
        }
        let reasons = ctx.loader().load_one(ReasonsOf(self.gig_row, self.version)).await?;
        Ok(reasons.unwrap_or_default().into_iter().map(ReviewReason::from).collect())
    }

    /// The gig as it stands now; null where the viewer may not see it any more.
    async fn gig(&self, ctx: &Context<'_>) -> Option<Result<Gig>> {
        nullable(Gig::now(ctx, self.gig_row)).await
    }
}

impl GigStatusEvent {
    fn snapshot(gig: &gig::Gig, head: i64, services: &Services) -> Self {
        Self {
            cursor: services.streams.cursor(head).encode(),
            delivery: Delivery::Snapshot,
            occurred_at: services.now().into(),
            gig_id: public_id(IdKind::Gig, gig.id),
            version: gig.version,
            previous_status: None,
            status: gig.status.into(),
            gig_row: gig.id,
            decided: matches!(gig.status, Status::Rejected | Status::Suspended),
        }
    }
}

#[derive(Default)]
pub struct GigStatusSubscription;

#[Subscription]
impl GigStatusSubscription {
    /// Each change of a gig's status. With `gigId`: that gig, the viewer's own or, for reviewers, any; without
    /// `after` it begins with a SNAPSHOT. Without `gigId`: all of the viewer's gigs.
    async fn gig_status_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The gig; left out, all of the viewer's.")] gig_id: Option<ID>,
        #[graphql(
            desc = "Begin behind this cursor, of an event or of `Query.eventCursor`. INVALID_CURSOR where it is none, \
                    CURSOR_EXPIRED where the log no longer keeps what came after it."
        )]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<GigStatusEvent>>> {
        let viewer = ctx.require_viewer()?;
        let gig_id = gig_id.map(|id| row_id(IdKind::Gig, &id));
        let topic = gig_id.map_or(Topic::Seller(viewer.id()), Topic::Gig);
        let alike = (topic, of_session(viewer));
        let mut source = begin(ctx, alike, after.as_deref(), |services, delivery, event| {
            let cursor = services.streams.cursor(event.position).encode();
            ready(Ok(match &event.body {
                EventBody::GigStatus { gig_id, version, previous, status, reason_codes, .. } => {
                    Some(Event::GigStatus(GigStatusEvent {
                        cursor,
                        delivery: delivery.into(),
                        occurred_at: event.occurred_at.into(),
                        gig_id: public_id(IdKind::Gig, *gig_id),
                        version: *version,
                        previous_status: previous.map(GigStatus::from),
                        status: (*status).into(),
                        gig_row: *gig_id,
                        decided: !reason_codes.is_empty(),
                    }))
                }
                _ => None,
            }))
        })
        .await?;
        if let Some(gig_id) = gig_id {
            let (head, gig) = now(ctx.services(), viewer, gig_id).await?;
            source.by_role = gig.seller_id != viewer.id();
            if !resumes(ctx, after.as_deref()) {
                source.stream.skip_to(head);
                let snapshot = GigStatusEvent::snapshot(&gig, head, ctx.services());
                source.first = Some((head, Event::GigStatus(snapshot)));
            }
        }
        Ok(hand_over(ctx, source))
    }
}

/// The gig, which the viewer must be allowed to follow, as it stands, and the position that this is as of.
async fn now(services: &Services, viewer: &Viewer, gig_id: Uuid) -> Result<(i64, gig::Gig)> {
    // Both reads see one moment, so the snapshot holds all up to the position and nothing behind it.
    let moment = services.db.snapshot().await?;
    let head = event_log::head(&moment).await?;
    let gig = gigs::find_visible(&moment, Some(viewer), gig_id).await?;
    moment.rollback().await?;
    services.public_data_version.reset_to(head);
    let gig = gig.filter(|gig| gig.review_visible_to(Some(viewer))).ok_or_else(|| {
        Error::new(ErrorCode::NotFound, "There is no such gig whose status you may follow.")
    })?;
    Ok((head, gig))
}
