//! `verificationStatusChanged`.

use async_graphql::{ComplexObject, Context, SimpleObject, Subscription};
use futures_util::future::ready;
use futures_util::stream::Stream;
use uuid::Uuid;

use crate::domain::event::{EventBody, Topic};
use crate::domain::verification as domain;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::loaders::{ReasonsOf, VerificationOf};
use crate::graphql::subscription::source::hand_over;
use crate::graphql::subscription::{Delivery, Event, begin, of_session, resumes};
use crate::graphql::types::review::ReviewReason;
use crate::graphql::types::scalar::DateTime;
use crate::graphql::types::verification::{Verification, VerificationStatus, shown};
use crate::store::{event_log, verifications};

/// The viewer's verification has changed; or, as a SNAPSHOT, is like this.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct VerificationStatusEvent {
    /// Begins another stream behind this event, by `after:`.
    #[graphql(owned)]
    pub cursor: String,
    /// How it came.
    #[graphql(owned)]
    pub delivery: Delivery,
    /// When it happened; of a SNAPSHOT, when it was taken.
    #[graphql(owned)]
    pub occurred_at: DateTime,
    /// The version that this made, or, of a SNAPSHOT, that it has.
    version: i32,
    /// The status before; null of a SNAPSHOT. The same as `status` where a step was done within it.
    previous_status: Option<VerificationStatus>,
    /// The status that it came to.
    status: VerificationStatus,
    #[graphql(skip)]
    user_row: Uuid,
    /// Whether there are reasons to be shown.
    #[graphql(skip)]
    reasoned: bool,
}

#[ComplexObject]
impl VerificationStatusEvent {
    /// Why it was decided so; empty where nothing was refused.
    async fn reasons(&self, ctx: &Context<'_>) -> Result<Vec<ReviewReason>> {
        if !self.reasoned {
            return Ok(Vec::new());
        }
        let kept = ctx.loader().load_one(ReasonsOf(self.user_row, self.version)).await?;
        if let Some(reasons) = kept {
            return Ok(shown(reasons, false));
        }
        // No reviewer made this version: the rules did.
        let now = ctx.loader().load_one(VerificationOf(self.user_row)).await?;
        let same = now.filter(|now| now.version == self.version);
        Ok(shown(same.map(|now| now.reasons).unwrap_or_default(), false))
    }

    /// The verification as it stands now.
    async fn verification(&self, ctx: &Context<'_>) -> Result<Verification> {
        let viewer = ctx.require_viewer()?;
        let now = ctx.loader().load_one(VerificationOf(self.user_row)).await?;
        let now = now.unwrap_or_else(|| domain::Verification::not_started(self.user_row));
        Ok(Verification::seen_by(now, viewer))
    }
}

#[derive(Default)]
pub struct VerificationStatusSubscription;

#[Subscription]
impl VerificationStatusSubscription {
    /// Each change of the viewer's own verification; without `after` it begins with a SNAPSHOT.
    async fn verification_status_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Begin behind this cursor, of an event or of `Query.eventCursor`. INVALID_CURSOR where it is none, \
                    CURSOR_EXPIRED where the log no longer keeps what came after it."
        )]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<VerificationStatusEvent>>> {
        let (services, viewer) = (ctx.services(), ctx.require_viewer()?);
        let user_id = viewer.id();
        let alike = (Topic::Verification(user_id), of_session(viewer));
        let mut source = begin(ctx, alike, after.as_deref(), |services, delivery, event| {
            let cursor = services.streams.cursor(event.position).encode();
            ready(Ok(match &event.body {
                EventBody::VerificationStatus { user_id, version, previous, status, reason_codes } => {
                    Some(Event::VerificationStatus(VerificationStatusEvent {
                        cursor,
                        delivery: delivery.into(),
                        occurred_at: event.occurred_at.into(),
                        version: *version,
                        previous_status: Some((*previous).into()),
                        status: (*status).into(),
                        user_row: *user_id,
                        reasoned: !reason_codes.is_empty(),
                    }))
                }
                _ => None,
            }))
        })
        .await?;
        if !resumes(ctx, after.as_deref()) {
            // Both reads see one moment, so the snapshot holds all up to the position and nothing behind it.
            let moment = services.db.snapshot().await?;
            let head = event_log::head(&moment).await?;
            let found = verifications::find(&moment, user_id).await?;
            moment.rollback().await?;
            services.public_data_version.reset_to(head);
            let now = found.map(|sealed| sealed.verification);
            let now = now.unwrap_or_else(|| domain::Verification::not_started(user_id));
            source.stream.skip_to(head);
            let snapshot = VerificationStatusEvent {
                cursor: services.streams.cursor(head).encode(),
                delivery: Delivery::Snapshot,
                occurred_at: services.now().into(),
                version: now.version,
                previous_status: None,
                status: now.status.into(),
                user_row: user_id,
                reasoned: !now.reasons.is_empty(),
            };
            source.first = Some((head, Event::VerificationStatus(snapshot)));
        }
        Ok(hand_over(ctx, source))
    }
}
