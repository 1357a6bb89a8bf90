//! What reviewers do with verifications: decide them, and look at what is sealed. All of it leaves a trail.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::domain::gig::{GigStatus, GigTransition};
use crate::domain::id;
use crate::domain::id::IdKind;
use crate::domain::permission;
use crate::domain::personal_info::PersonalInfo;
use crate::domain::reason;
use crate::domain::reason::{ReasonForm, ReviewReason};
use crate::domain::review::{Decision, ReviewQueueChange, VerificationDecision};
use crate::domain::review_kind::ReviewKind;
use crate::domain::user::Viewer;
use crate::domain::verification::{Verification, VerificationStatus};
use crate::domain::violation::{Validator, Violation, ViolationCode};
use crate::media::BlobKind;
use crate::service::audit;
use crate::service::audit::Actor;
use crate::service::error::require_reviewer;
use crate::service::gigs::advance;
use crate::service::reviews::{checked_note, write as write_item};
use crate::service::verifications::{document_place, open_form, write};
use crate::service::{Error, Result, Services, UnitOfWork};
use crate::store::{gigs, reviews, users, verifications};

/// How long the address of a document's picture works.
const ADDRESS_LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// What a reviewer says of a verification.
#[derive(Debug)]
pub struct VerificationDecisionInput {
    pub user_id: Uuid,
    pub decision: VerificationDecision,
    pub expected_version: i32,
    pub reasons: Vec<ReasonForm>,
    pub internal_note: Option<String>,
}

/// Decides a verification. Where a second reviewer must agree, the first one's word is kept until then, and
/// nothing else happens.
///
/// # Errors
/// Every fault of the form; `NOT_FOUND`, `NOT_ALLOWED` for one's own or for being one's own second reviewer,
/// `STALE_VERSION`, `ALREADY_CLAIMED`, `INVALID_TRANSITION`.
pub async fn decide(
    services: &Services,
    viewer: &Viewer,
    verdict: VerificationDecisionInput,
    request_id: &str,
) -> Result<Verification> {
    require_reviewer(viewer)?;
    let (limits, now) = (&services.limits, services.now());
    let mut validator = Validator::default();
    verdict.decision.check_reasons(verdict.reasons.len(), &mut validator);
    let reasons = reason::resolve(verdict.reasons, ReviewKind::Verification, &limits.review, &mut validator);
    let note = checked_note(verdict.internal_note, &limits.review, &mut validator);
    validator.finish()?;

    let mut work = services.begin().await?;
    if verdict.user_id == viewer.id() {
        let message = "Nobody reviews a verification of their own.";
        return Err(Violation::at("verificationId", ViolationCode::NotAllowed, message).into());
    }
    // The person comes before what belongs to them.
    users::lock(work.tx(), verdict.user_id).await?;
    let mut sealed = verifications::lock(work.tx(), verdict.user_id)
        .await?
        .ok_or_else(|| Violation::not_found("verificationId", "verification"))?;
    if sealed.verification.version != verdict.expected_version {
        return Err(Violation::stale("expectedVersion", "verification").into());
    }
    if sealed.verification.status == VerificationStatus::InReview && sealed.key.is_none() {
        let message = "What this verification was about has been erased.";
        return Err(Violation::of_act(ViolationCode::InvalidTransition, message).into());
    }
    let previous = sealed.verification.status;
    let decision: &'static str = verdict.decision.into();
    sealed.verification.apply(verdict.decision.transition(), reasons.clone(), limits, now)?;
    let item = reviews::lock_undecided(work.tx(), verdict.user_id).await?;
    let decided = match &item {
        Some(item) => {
            let mut decided = item.clone();
            let of_verification =
                |violation| Violation { field: vec!["verificationId".to_owned()], ..violation };
            decided.decide(viewer.id(), now).map_err(of_verification)?;
            Some(decided)
        }
        None => None,
    };
    // Of the last attempt, also a request to try again is a rejection.
    let grave = verdict.decision.is_grave() || sealed.verification.status == VerificationStatus::Rejected;
    if limits.verification.second_reviewer && grave {
        match &sealed.proposal {
            Some((proposed, by)) if proposed == decision && *by != viewer.id() => {}
            Some((proposed, _)) if proposed == decision => {
                let message = "Another reviewer must say the same before this takes effect.";
                return Err(Violation::at("decision", ViolationCode::NotAllowed, message).into());
            }
            _ => {
                // Free for whoever is to say the same.
                if let Some(item) = item.filter(|item| item.claimant(now).is_some()) {
                    let mut released = item.clone();
                    released.run_out();
                    write_item(&mut work, &item, &released, ReviewQueueChange::Released).await?;
                }
                let proposal = Proposal { user_id: verdict.user_id, decision, reasons, note };
                return propose(services, work, viewer, proposal, request_id).await;
            }
        }
    }
    sealed.proposal = None;
    if let (Some(item), Some(decided)) = (&item, &decided) {
        write_item(&mut work, item, decided, ReviewQueueChange::Decided).await?;
    }
    write(services, &mut work, &sealed, previous).await?;
    follow(services, &mut work, verdict.decision, &sealed.verification).await?;
    let kept = Decision {
        id: services.new_id(),
        subject_id: verdict.user_id,
        item_id: item.map(|item| item.id),
        reviewer_id: viewer.id(),
        decision,
        reasons: sealed.verification.reasons.clone(),
        internal_note: note,
        version: sealed.verification.version,
        decided_at: now,
    };
    reviews::insert_decision(work.tx(), &kept).await?;
    audit::leave(services, &work, by(viewer, request_id), verdict.user_id, "DECIDE", decision).await?;
    work.commit().await?;
    Ok(sealed.verification)
}

/// What the first of two reviewers says.
struct Proposal {
    user_id: Uuid,
    decision: &'static str,
    reasons: Vec<ReviewReason>,
    note: Option<String>,
}

/// Keeps the first reviewer's word, with their reasons.
async fn propose(
    services: &Services,
    work: UnitOfWork<'_>,
    viewer: &Viewer,
    proposal: Proposal,
    request_id: &str,
) -> Result<Verification> {
    let Proposal { user_id, decision, reasons, note } = proposal;
    verifications::set_proposal(work.tx(), user_id, decision, viewer.id()).await?;
    let unchanged = verifications::find(work.tx(), user_id).await?;
    let unchanged = unchanged.ok_or_else(|| Error::internal("a locked verification is gone"))?.verification;
    let kept = Decision {
        id: services.new_id(),
        subject_id: user_id,
        item_id: None,
        reviewer_id: viewer.id(),
        decision: "PROPOSE",
        reasons,
        internal_note: note,
        version: unchanged.version,
        decided_at: services.now(),
    };
    reviews::insert_decision(work.tx(), &kept).await?;
    audit::leave(services, &work, by(viewer, request_id), user_id, "PROPOSE", decision).await?;
    work.commit().await?;
    Ok(unchanged)
}

/// What follows for the person: the badge comes or goes, and who may not work any more is not listed.
async fn follow(
    services: &Services,
    work: &mut UnitOfWork<'_>,
    decision: VerificationDecision,
    verification: &Verification,
) -> Result<()> {
    let user_id = verification.user_id;
    match decision {
        VerificationDecision::Clear => {
            users::set_verified(work.tx(), user_id, verification.cleared_at).await?;
        }
        VerificationDecision::Revoke => {
            users::set_verified(work.tx(), user_id, None).await?;
            let people = users::find_all(work.tx(), &[user_id]).await?;
            let needed = |user| permission::needs_verification(user, &services.limits).is_some();
            if people.first().is_some_and(needed) {
                for gig in gigs::lock_of_seller(work.tx(), user_id, &[GigStatus::Active]).await? {
                    advance(services, work, gig, GigTransition::Pause).await?;
                }
            }
        }
        VerificationDecision::RequestResubmission | VerificationDecision::Reject => {}
    }
    Ok(())
}

/// Who the person says they are: for themselves, and for reviewers, whose look leaves a trail. `None` where there is
/// nothing, or it was erased.
///
/// # Errors
/// [`Error::Forbidden`] for everybody else; where a key is missing, or the form has been altered.
pub async fn personal_info(
    services: &Services,
    viewer: &Viewer,
    user_id: Uuid,
    request_id: &str,
) -> Result<Option<PersonalInfo>> {
    if viewer.id() != user_id {
        require_reviewer(viewer)?;
    }
    let Some(sealed) = verifications::find(services.db.read(), user_id).await? else { return Ok(None) };
    let form = open_form(services, &sealed)?;
    if form.is_some() && viewer.id() != user_id {
        // Before it is shown: what leaves no trail is not seen.
        let work = services.begin().await?;
        audit::leave(services, &work, by(viewer, request_id), user_id, "VIEW_PERSONAL_INFO", "").await?;
        work.commit().await?;
    }
    Ok(form)
}

/// What makes the address of a document's picture work.
#[derive(Debug, Clone)]
pub struct DocumentSignature {
    /// Seconds since 1970.
    pub expires: i64,
    pub signature: String,
}

/// Where a reviewer sees the picture, for five minutes, within this session alone.
///
/// # Errors
/// [`Error::Forbidden`] for everybody but reviewers.
pub fn document_address(services: &Services, viewer: &Viewer, document_id: Uuid) -> Result<String> {
    require_reviewer(viewer)?;
    let expires = (services.now() + ADDRESS_LIFETIME).timestamp();
    let id = id::encode(IdKind::IdentityDocument, document_id);
    let signature = services.secrets.sign(&signed_text(document_id, viewer.session_id, expires));
    Ok(format!("{}/identity-documents/{id}?expires={expires}&signature={signature}", services.public_url))
}

fn signed_text(document_id: Uuid, session_id: Uuid, expires: i64) -> String {
    format!("identity document {document_id} for session {session_id} until {expires}")
}

/// The picture, for the reviewer whose session the address was made for; the look leaves a trail. `None` where there
/// is no such picture, or not for them, or not any more.
///
/// # Errors
/// Where a key is missing, or the picture has been altered; where the database or the blobs are away.
pub async fn show_document(
    services: &Services,
    viewer: &Viewer,
    document_id: Uuid,
    given: &DocumentSignature,
    request_id: &str,
) -> Result<Option<Vec<u8>>> {
    let text = signed_text(document_id, viewer.session_id, given.expires);
    let valid =
        services.now().timestamp() < given.expires && services.secrets.is_signed(&text, &given.signature);
    if !valid || !viewer.role.reviews() {
        return Ok(None);
    }
    let db = services.db.read();
    let Some(document) = verifications::find_document(db, document_id).await? else { return Ok(None) };
    let sealed = verifications::find(db, document.user_id).await?;
    let Some(wrapped) = sealed.and_then(|sealed| sealed.key) else { return Ok(None) };
    let blob = services.media.get(BlobKind::IdentityDocuments, document_id).await.map_err(Error::internal)?;
    let Some(blob) = blob else { return Ok(None) };
    let key = services.vault.unwrap(&wrapped, document.user_id)?;
    let picture = key.open(&document_place(document.user_id, document_id), &blob)?;
    let side: &str = document.side.into();
    let work = services.begin().await?;
    let detail = format!("{side} {}", id::encode(IdKind::IdentityDocument, document_id));
    audit::leave(services, &work, by(viewer, request_id), document.user_id, "VIEW_DOCUMENT", &detail).await?;
    work.commit().await?;
    Ok(Some(picture.to_vec()))
}

fn by<'a>(viewer: &Viewer, request_id: &'a str) -> Actor<'a> {
    Actor { id: Some(viewer.id()), request_id }
}
