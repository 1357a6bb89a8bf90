//! `verificationStatusChanged`.

use async_graphql::{ComplexObject, Context, SimpleObject, Subscription};
use futures_util::future::ready;
use futures_util::stream::Stream;

use crate::domain::event::{EventBody, Topic};
use crate::domain::id::{SubjectId, UserId, VerificationId};
use crate::domain::reason::for_applicant;
use crate::domain::verification as domain;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::loaders::ReasonsOfVersion;
use crate::graphql::loaders::review_texts::open_reasons;
use crate::graphql::subscription::source::hand_over;
use crate::graphql::subscription::{Delivery, Event, is_resuming, open_source, session_scope};
use crate::graphql::types::review::ReviewReason;
use crate::graphql::types::scalar::DateTime;
use crate::graphql::types::verification::{Verification, VerificationStatus};
use crate::store::{event_log, verifications};

/// The viewer's verification has changed. A SNAPSHOT has its current state instead.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct VerificationStatusEvent {
    /// The position of the event in the log. Give it as `after` to resume after this event.
    #[graphql(owned)]
    pub cursor: String,
    /// Whether this is a new event, an earlier one from the log, or a snapshot of the current state.
    #[graphql(owned)]
    pub delivery: Delivery,
    /// When the verification changed. For a SNAPSHOT, when it was taken.
    #[graphql(owned)]
    pub occurred_at: DateTime,
    /// The version of the verification after the change. For a SNAPSHOT, the current version.
    version: i32,
    /// The status before the change; null for a SNAPSHOT. It equals `status` if only the content has changed.
    previous_status: Option<VerificationStatus>,
    /// The status after the change. For a SNAPSHOT, the current status.
    status: VerificationStatus,
    #[graphql(skip)]
    user_row_id: UserId,
    /// Whether this version has reasons.
    #[graphql(skip)]
    has_reasons: bool,
}

#[ComplexObject]
impl VerificationStatusEvent {
    /// The reasons of the last decision in this version; empty if there are none. The user sees the same
    /// reasons as in `Verification.reasons`.
    async fn reasons(&self, ctx: &Context<'_>) -> Result<Vec<ReviewReason>> {
        if !self.has_reasons {
            return Ok(Vec::new());
        }
        let subject = SubjectId::Verification(self.user_row_id);
        let stored = ctx.loader().load_one(ReasonsOfVersion(subject, self.version)).await?;
        let reasons = if let Some((decision_id, reasons)) = stored {
            open_reasons(ctx, (decision_id, subject), reasons).await?
        } else {
            // This version is not the result of a reviewer's decision.
            let now = ctx.loader().load_one(VerificationId::from(self.user_row_id)).await?;
            let same_version = now.filter(|now| now.version == self.version);
            open_reasons(ctx, subject, same_version.map(|now| now.reasons).unwrap_or_default()).await?
        };
        let is_final = domain::VerificationStatus::from(self.status).is_final_decision();
        Ok(for_applicant(&reasons, is_final).into_iter().map(ReviewReason::from).collect())
    }

    /// The current state of the verification, which may be newer than the event.
    async fn verification(&self, ctx: &Context<'_>) -> Result<Verification> {
        let viewer = ctx.require_viewer()?;
        let now = ctx.loader().load_one(VerificationId::from(self.user_row_id)).await?;
        let now = now.unwrap_or_else(|| domain::Verification::not_started(self.user_row_id));
        Ok(Verification::for_viewer(now, viewer))
    }
}

#[derive(Default)]
pub struct VerificationStatusSubscription;

#[Subscription]
impl VerificationStatusSubscription {
    /// Changes of the viewer's own verification. Without `after`, it starts with a SNAPSHOT. Requires a
    /// session.
    async fn verification_status_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Start with the events after this cursor, from an event or from `Query.eventCursor`. \
                    INVALID_CURSOR if it is malformed, CURSOR_EXPIRED if the event log no longer has the \
                    events after it."
        )]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<VerificationStatusEvent>>> {
        let (services, viewer) = (ctx.services(), ctx.require_viewer()?);
        let user_id = viewer.id();
        let fanout = (Topic::Verification(user_id), session_scope(viewer));
        let mut source = open_source(ctx, fanout, after.as_deref(), |services, delivery, event| {
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
                        user_row_id: *user_id,
                        has_reasons: !reason_codes.is_empty(),
                    }))
                }
                _ => None,
            }))
        })
        .await?;
        if !is_resuming(ctx, after.as_deref()) {
            // Both reads see the same state, so the snapshot contains every event up to the position and none
            // after it.
            let snapshot = ctx.db().snapshot().await?;
            let position = event_log::newest_position(&*snapshot).await?;
            let stored = verifications::find(&*snapshot, user_id).await?;
            snapshot.end().await?;
            services.public_data_version.advance_to(position);
            let now = stored.map(|row| row.verification);
            let now = now.unwrap_or_else(|| domain::Verification::not_started(user_id));
            source.stream.skip_to(position);
            let snapshot = VerificationStatusEvent {
                cursor: services.streams.cursor(position).encode(),
                delivery: Delivery::Snapshot,
                occurred_at: services.now().into(),
                version: now.version,
                previous_status: None,
                status: now.status.into(),
                user_row_id: user_id,
                has_reasons: !now.reasons.is_empty(),
            };
            source.first = Some((position, Event::VerificationStatus(snapshot)));
        }
        Ok(hand_over(ctx, source))
    }
}
