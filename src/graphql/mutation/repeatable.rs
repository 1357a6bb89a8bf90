//! Runs the act of a mutation, or answers its repetition.
//!
//! A mutation with an idempotency key runs once. While it runs, the [`OutcomeLog`] of the request records what
//! each root field did. If the mutation is sent again, the act does not run: its object is loaded as it is now,
//! with the permissions of the caller of now, and the payload's selection is resolved anew. So a repetition
//! shows nothing that a query would not show, and is audited like one.
//!
//! To make a new kind of object repeatable, implement [`Repeatable`] for it.

use async_graphql::Context;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::domain::gig::Gig;
use crate::domain::id::{
    DecisionId, GigId, ImageId, PublicId, ReviewItemId, SubjectId, UserId, VerificationId,
};
use crate::domain::review::ReviewItem;
use crate::domain::rights::ErasureRequest;
use crate::domain::user_account::{AccountKey, UserAccount};
use crate::domain::verification::Verification;
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Error, ErrorCode, Result};
use crate::graphql::outcomes::{Outcome, OutcomeLog};
use crate::graphql::types::user_error::{UserError, payload_parts};
use crate::service;
use crate::service::inspections::BegunInspection;
use crate::service::reviews::Decided;
use crate::service::user_accounts;
use crate::store::images::ImageView;
use crate::store::inspections;

/// A use case to run. Boxed, because its future is large.
pub type Act<'a, T> = BoxFuture<'a, service::Result<T>>;

/// The result of an act that can be loaded again.
pub trait Repeatable: Sized + Send {
    /// What [`load`](Self::load) needs. It is stored, and contains no personal data.
    fn reference(&self) -> Value;

    /// The user whom the object belongs to, if it names one. An erasure removes the reference.
    fn subject(&self) -> Option<UserId>;

    /// The object as it is now; `None` if it does not exist any more, or the caller may not see it.
    fn load(ctx: &Context<'_>, reference: &Value) -> impl Future<Output = Result<Option<Self>>> + Send;
}

/// Runs the act, and returns the two parts of its payload. If the mutation has run before, does not run the act,
/// but loads its object again.
///
/// # Errors
/// The error of the act, unless it is a validation error. IDEMPOTENT_ANSWER_LOST if the object to load is gone.
pub async fn run<T: Repeatable>(ctx: &Context<'_>, act: Act<'_, T>) -> Result<(Option<T>, Vec<UserError>)> {
    let response_key = ctx.item.node.response_key().node.as_str();
    match ctx.outcomes() {
        None => payload_parts(act.await),
        Some(OutcomeLog::Replaying(outcomes)) => match outcomes.get(response_key) {
            Some(Outcome::Done(reference)) => match T::load(ctx, reference).await? {
                Some(object) => Ok((Some(object), Vec::new())),
                None => Err(Error::answer_lost("The mutation was executed, but its object is gone.")),
            },
            Some(Outcome::Violations(violations)) => {
                payload_parts(Err(service::Error::Violations(violations.clone())))
            }
            Some(Outcome::Failed { code, message }) => {
                Err(Error::new(code.parse().unwrap_or(ErrorCode::InternalServerError), message.clone()))
            }
            None => Err(Error::answer_lost("The mutation was executed, but its response was lost.")),
        },
        Some(log) => match act.await {
            Ok(done) => {
                log.record(response_key, Outcome::Done(done.reference()), done.subject());
                Ok((Some(done), Vec::new()))
            }
            Err(service::Error::Violations(violations)) => {
                log.record(response_key, Outcome::Violations(violations.clone()), None);
                payload_parts(Err(service::Error::Violations(violations)))
            }
            Err(error) => {
                let error = Error::from(error);
                let code: &str = error.code().into();
                let (code, message) = (code.to_owned(), error.message().to_owned());
                log.record(response_key, Outcome::Failed { code, message }, None);
                Err(error)
            }
        },
    }
}

/// Runs an act whose result is a credential, of which nothing is stored.
///
/// # Errors
/// IDEMPOTENT_ANSWER_LOST if the mutation has run before; otherwise the error of the act, unless it is a
/// validation error.
pub async fn run_unstored<T>(ctx: &Context<'_>, act: Act<'_, T>) -> Result<(Option<T>, Vec<UserError>)> {
    if let Some(OutcomeLog::Replaying(_)) = ctx.outcomes() {
        let message = "The mutation was executed. Its response had credentials, which are not stored.";
        return Err(Error::answer_lost(message));
    }
    payload_parts(act.await)
}

/// The id in a reference; nil if it is none.
fn id_of<T: PublicId>(reference: &Value) -> T {
    reference.as_str().and_then(T::parse).unwrap_or_else(|| T::from(uuid::Uuid::nil()))
}

impl Repeatable for Gig {
    fn reference(&self) -> Value {
        json!(self.id.to_public())
    }

    fn subject(&self) -> Option<UserId> {
        Some(self.seller_id)
    }

    async fn load(ctx: &Context<'_>, reference: &Value) -> Result<Option<Self>> {
        ctx.loader().load_one(id_of::<GigId>(reference)).await
    }
}

impl Repeatable for ReviewItem {
    fn reference(&self) -> Value {
        json!(self.id.to_public())
    }

    fn subject(&self) -> Option<UserId> {
        match self.subject_id {
            // The item names the gig, and an erasure deletes the item.
            SubjectId::Gig(_) => None,
            SubjectId::Verification(user_id) => Some(user_id),
        }
    }

    async fn load(ctx: &Context<'_>, reference: &Value) -> Result<Option<Self>> {
        ctx.loader().load_one(id_of::<ReviewItemId>(reference)).await
    }
}

impl Repeatable for Verification {
    fn reference(&self) -> Value {
        json!(VerificationId::from(self.user_id).to_public())
    }

    fn subject(&self) -> Option<UserId> {
        Some(self.user_id)
    }

    async fn load(ctx: &Context<'_>, reference: &Value) -> Result<Option<Self>> {
        ctx.loader().load_one(id_of::<VerificationId>(reference)).await
    }
}

impl<T: Repeatable> Repeatable for Decided<T> {
    /// The item, which names its subject; without one, the subject.
    fn reference(&self) -> Value {
        match &self.item {
            Some(item) => item.reference(),
            None => self.subject.reference(),
        }
    }

    fn subject(&self) -> Option<UserId> {
        self.subject.subject()
    }

    async fn load(ctx: &Context<'_>, reference: &Value) -> Result<Option<Self>> {
        let item = ReviewItem::load(ctx, reference).await?;
        let subject = match item.as_ref().map(|item| item.subject_id) {
            None => T::load(ctx, reference).await?,
            Some(SubjectId::Gig(id)) => T::load(ctx, &json!(id.to_public())).await?,
            Some(SubjectId::Verification(user_id)) => {
                T::load(ctx, &json!(VerificationId::from(user_id).to_public())).await?
            }
        };
        Ok(subject.map(|subject| Self { subject, item }))
    }
}

impl Repeatable for BegunInspection {
    fn reference(&self) -> Value {
        json!({ "inspection": self.inspection.id, "verification": self.verification.reference() })
    }

    fn subject(&self) -> Option<UserId> {
        Some(self.verification.user_id)
    }

    async fn load(ctx: &Context<'_>, reference: &Value) -> Result<Option<Self>> {
        let admin = ctx.require_admin()?;
        let Ok(id) = serde_json::from_value::<DecisionId>(reference["inspection"].clone()) else {
            return Ok(None);
        };
        let inspection = inspections::find(ctx.db(), id, admin.id()).await?;
        let verification = Verification::load(ctx, &reference["verification"]).await?;
        let begun = inspection.zip(verification);
        Ok(begun.map(|(inspection, verification)| Self { inspection, verification }))
    }
}

impl Repeatable for ImageView {
    fn reference(&self) -> Value {
        json!(self.image.id.to_public())
    }

    fn subject(&self) -> Option<UserId> {
        Some(self.image.owner_id)
    }

    async fn load(ctx: &Context<'_>, reference: &Value) -> Result<Option<Self>> {
        ctx.loader().load_one(id_of::<ImageId>(reference)).await
    }
}

impl Repeatable for ErasureRequest {
    /// The times, because a request that was cancelled is gone.
    fn reference(&self) -> Value {
        json!([self.user_id, self.requested_at, self.due_at])
    }

    fn subject(&self) -> Option<UserId> {
        Some(self.user_id)
    }

    async fn load(_: &Context<'_>, reference: &Value) -> Result<Option<Self>> {
        let times = serde_json::from_value(reference.clone()).ok();
        Ok(times.map(|(user_id, requested_at, due_at)| Self { user_id, requested_at, due_at }))
    }
}

impl Repeatable for UserAccount {
    fn reference(&self) -> Value {
        json!(self.user.id.to_public())
    }

    fn subject(&self) -> Option<UserId> {
        Some(self.user.id)
    }

    async fn load(ctx: &Context<'_>, reference: &Value) -> Result<Option<Self>> {
        let (admin, key) = (ctx.require_admin()?, AccountKey::Id(id_of::<UserId>(reference)));
        Ok(user_accounts::view(ctx.services(), ctx.db(), admin, &key, ctx.request_id()).await?)
    }
}

/// The number of sessions that a sign-out ended.
pub struct EndedSessions(pub usize);

impl Repeatable for EndedSessions {
    fn reference(&self) -> Value {
        json!(self.0)
    }

    fn subject(&self) -> Option<UserId> {
        None
    }

    async fn load(_: &Context<'_>, reference: &Value) -> Result<Option<Self>> {
        Ok(reference.as_u64().and_then(|count| usize::try_from(count).ok()).map(Self))
    }
}
