//! How long what is known of a person is kept, and how it is destroyed.
//!
//! Pictures and the form go by destroying the person's data key first: what copies of them there may be, nobody can
//! open them any more. What stays is the record: status, times, reason codes, who decided.

use std::mem::take;

use chrono::{DateTime, Utc};
use strum::IntoEnumIterator;
use uuid::Uuid;

use crate::domain::event::EventBody;
use crate::domain::gig::{GigStatus, GigTransition};
use crate::domain::reason::ReviewReason;
use crate::domain::review::ReviewQueueChange;
use crate::domain::verification::VerificationStatus;
use crate::domain::violation::{Violation, ViolationCode};
use crate::media::BlobKind;
use crate::service::audit;
use crate::service::audit::NOBODY;
use crate::service::gigs::{advance, record_queue};
use crate::service::{Result, Services, UnitOfWork, user_admin};
use crate::store::verifications::{Sealed, Span};
use crate::store::{gigs, idempotency, reviews, users, verifications};

/// What a run of the retention rules has done.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Retained {
    /// People whose pictures were erased, a time after the decision.
    pub pictures: usize,
    /// People who never submitted, and whose data were erased.
    pub abandoned: usize,
    /// People whose record's time was over.
    pub records: usize,
}

/// Applies the retention rules to everybody who is under no legal hold. One person's trouble keeps nobody else's
/// data.
///
/// # Errors
/// Where the database is away, or, once all were tried, where one could not be erased.
pub async fn retain(services: &Services) -> Result<Retained> {
    let (rules, now) = (&services.limits.retention, services.now());
    let spans = [
        (Span::Abandoned, rules.abandoned_before(now)),
        (Span::Record, rules.records_before(now)),
        (Span::Pictures, rules.documents_before(now)),
    ];
    let (mut done, mut failed) = (Retained::default(), None);
    for (span, moment) in spans {
        let mut erased = 0;
        for user_id in verifications::older_than(services.db.read(), span, moment).await? {
            match erase(services, user_id, span, moment).await {
                Ok(was) => erased += usize::from(was),
                Err(error) => {
                    tracing::error!(%user_id, %error, "could not be erased; trying again later");
                    failed = Some(error);
                }
            }
        }
        match span {
            Span::Abandoned => done.abandoned = erased,
            Span::Record => done.records = erased,
            Span::Pictures => done.pictures = erased,
        }
    }
    failed.map_or(Ok(done), Err)
}

/// Erases what has been kept too long of a person, where that is still so now that nobody else can change it.
async fn erase(services: &Services, user_id: Uuid, span: Span, moment: DateTime<Utc>) -> Result<bool> {
    let mut work = services.begin().await?;
    users::lock(work.tx(), user_id).await?;
    let Some(sealed) = verifications::lock(work.tx(), user_id).await? else { return Ok(false) };
    if !verifications::is_older_than(work.tx(), user_id, span, moment).await? {
        return Ok(false);
    }
    match span {
        Span::Pictures => {
            verifications::delete_documents(work.tx(), user_id).await?;
            audit::leave(services, &work, NOBODY, user_id, "ERASE_PICTURES", "").await?;
            delete_blobs(services, &sealed).await?;
        }
        Span::Abandoned => destroy_within(services, &mut work, sealed, "ABANDONED").await?,
        Span::Record => {
            destroy_within(services, &mut work, sealed, "RECORD_EXPIRED").await?;
            reviews::delete_decisions(work.tx(), user_id).await?;
        }
    }
    work.commit().await?;
    Ok(true)
}

/// Destroys what is personal: the data key, the form, the pictures, what the document is known again by, and what
/// reviewers wrote in their own words.
async fn destroy_within(
    services: &Services,
    work: &mut UnitOfWork<'_>,
    mut sealed: Sealed,
    why: &'static str,
) -> Result<()> {
    let user_id = sealed.verification.user_id;
    delete_blobs(services, &sealed).await?;
    sealed.key = None;
    sealed.personal_info = None;
    sealed.identity_hash = None;
    sealed.proposal = None;
    let verification = &mut sealed.verification;
    verification.personal_info_at = None;
    verification.documents.clear();
    verification.document_type = None;
    verification.review_due_at = None;
    verification.reasons =
        take(&mut verification.reasons).into_iter().map(ReviewReason::without_words).collect();
    verification.erased_at = Some(services.now());
    verification.version += 1;
    verifications::write(work.tx(), &sealed, services.now()).await?;
    reviews::strip_decisions(work.tx(), user_id).await?;
    let status = sealed.verification.status;
    work.record(EventBody::verification_status(&sealed.verification, status));
    audit::leave(services, work, NOBODY, user_id, why, "").await
}

/// The blobs go before the rows that name them: one that stayed behind would be found by nobody.
async fn delete_blobs(services: &Services, sealed: &Sealed) -> Result<()> {
    for document in &sealed.verification.documents {
        let deleted = services.media.delete(BlobKind::IdentityDocuments, document.id).await;
        deleted.map_err(crate::service::Error::internal)?;
    }
    Ok(())
}

/// Erases a person: destroys what is known of their identity, ends their sessions, archives their gigs, and makes
/// their profile nobody's. The record of decisions stays.
///
/// # Errors
/// `NOT_FOUND`; `NOT_ALLOWED` under a legal hold.
pub async fn erase_user(services: &Services, email: &str) -> Result<Uuid> {
    let user_id = user_admin::find(services, email).await?;
    let mut work = services.begin().await?;
    users::lock(work.tx(), user_id).await?;
    if users::is_held(work.tx(), user_id).await? {
        let message = "This person is under a legal hold; nothing of them may be erased.";
        return Err(Violation::at("email", ViolationCode::NotAllowed, message).into());
    }
    let unarchived: Vec<_> = GigStatus::iter().filter(|status| *status != GigStatus::Archived).collect();
    for gig in gigs::lock_of_seller(work.tx(), user_id, &unarchived).await? {
        advance(services, &mut work, gig, GigTransition::Archive).await?;
    }
    if let Some(sealed) = verifications::lock(work.tx(), user_id).await? {
        if sealed.verification.status == VerificationStatus::InReview
            && let Some(item) = reviews::lock_undecided(work.tx(), user_id).await?
        {
            reviews::delete(work.tx(), item.id).await?;
            record_queue(&mut work, &item, ReviewQueueChange::Withdrawn);
        }
        destroy_within(services, &mut work, sealed, "ERASED").await?;
    }
    let now = services.now();
    user_admin::end_sessions(&mut work, user_id, services).await?;
    idempotency::forget_all_of(work.tx(), user_id).await?;
    users::anonymise(work.tx(), user_id, now).await?;
    work.record(EventBody::ProfileChanged { user_id });
    work.commit().await?;
    Ok(user_id)
}

/// Sets or lifts a legal hold: while it is set, nothing of the person is erased.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn hold(services: &Services, email: &str, held: bool) -> Result<()> {
    let user_id = user_admin::find(services, email).await?;
    let work = services.begin().await?;
    users::set_held(work.tx(), user_id, held).await?;
    audit::leave(services, &work, NOBODY, user_id, if held { "HOLD" } else { "LIFT_HOLD" }, "").await?;
    work.commit().await
}
