//! Reviews of verifications: decisions, and access to the encrypted data. Each decision and each access is
//! audited.
//!
//! With the setting `GIGWAY_LIMITS={"verification":{"secondReviewer":true}}`, rejecting or revoking a
//! verification takes two reviewers (the rule is `VerificationStatus::needs_second_reviewer`). The first
//! reviewer's decision is stored as a proposal and has no other effect. It takes effect when another reviewer
//! makes the same decision. A different decision that also needs two reviewers replaces the proposal. Any
//! other decision takes effect at once and drops the proposal.

use std::collections::HashMap;

use chrono::TimeDelta;

use crate::domain::gig::{GigStatus, GigTransition};
use crate::domain::id::{DocumentId, PublicId, SessionId, SubjectId, UserId};
use crate::domain::message::message;
use crate::domain::permission;
use crate::domain::personal_info::PersonalInfo;
use crate::domain::reason;
use crate::domain::reason::{ReasonForm, ReviewReason};
use crate::domain::review::{Decision, ReviewQueueChange, VerificationDecision};
use crate::domain::review_kind::ReviewKind;
use crate::domain::user::Viewer;
use crate::domain::verification::{Verification, VerificationStatus};
use crate::domain::violation::{Validator, Violation, ViolationCode};
use crate::service::audit;
use crate::service::audit::Actor;
use crate::service::error::require_reviewer;
use crate::service::flags;
use crate::service::gigs::apply_transition;
use crate::service::reviews::{Decided, erased_subject_error, update_item, validate_note};
use crate::service::verifications::{
    decrypt_personal_info, document_context, readable_number_hash, save_change,
};
use crate::service::{Error, Result, Services, UnitOfWork, security_log};
use crate::store;
use crate::store::{gigs, reviews, users, verifications};

/// The lifetime of the URL of a document's image.
const URL_LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// A reviewer's decision on a verification.
#[derive(Debug)]
pub struct VerificationDecisionInput {
    pub user_id: UserId,
    pub decision: VerificationDecision,
    pub expected_version: i32,
    pub reasons: Vec<ReasonForm>,
    pub internal_note: Option<String>,
}

/// Decides on a verification, or stores the proposal of the first of two reviewers (see the module).
///
/// # Errors
/// The violations of the input; `NOT_FOUND`, `NOT_ALLOWED` for the reviewer's own verification or own
/// proposal, `STALE_VERSION`, `ALREADY_CLAIMED`, `INVALID_TRANSITION`.
pub async fn decide(
    services: &Services,
    viewer: &Viewer,
    input: VerificationDecisionInput,
    request_id: &str,
) -> Result<Decided<Verification>> {
    require_reviewer(viewer)?;
    let (limits, now) = (&services.limits, services.now());
    let mut validator = Validator::default();
    input.decision.check_reasons(input.reasons.len(), &mut validator);
    let reasons = reason::resolve(input.reasons, ReviewKind::Verification, &limits.review, &mut validator);
    let note = input.internal_note.as_deref();
    let note = validate_note(note, "internalNote", "The note", &limits.review, &mut validator);
    validator.finish()?;

    let mut work = services.begin().await?;
    if input.user_id == viewer.id() {
        let message = message!("You cannot review your own verification.");
        return Err(Violation::at("verificationId", ViolationCode::NotAllowed, message).into());
    }
    let is_erased = work.lock_viewer_and(viewer, input.user_id).await?;
    let mut record = verifications::lock(work.tx(), input.user_id)
        .await?
        .ok_or_else(|| Violation::not_found("verificationId", "verification"))?;
    if is_erased {
        return Err(erased_subject_error());
    }
    if record.verification.version != input.expected_version {
        return Err(Violation::stale("expectedVersion", "verification").into());
    }
    if record.verification.status == VerificationStatus::InReview && record.key.is_none() {
        let message = message!("The data of this verification have been erased.");
        return Err(Violation::general(ViolationCode::InvalidTransition, message).into());
    }
    let previous = record.verification.status;
    let decision: &'static str = input.decision.into();
    record.verification.apply(input.decision.transition(), reasons.clone(), limits, now)?;
    let item = reviews::lock_undecided(work.tx(), SubjectId::Verification(input.user_id)).await?;
    let decided = match &item {
        Some(item) => {
            let mut decided = item.clone();
            decided.decide(viewer.id(), now).map_err(|violation| violation.moved_to("verificationId"))?;
            Some(decided)
        }
        None => None,
    };
    if record.verification.status.needs_second_reviewer(&limits.verification) {
        match &record.proposal {
            Some((proposed, first_reviewer)) if proposed == decision && *first_reviewer != viewer.id() => {}
            Some((proposed, _)) if proposed == decision => {
                let message = message!("You proposed this decision. Another reviewer must confirm it.");
                return Err(Violation::at("decision", ViolationCode::NotAllowed, message).into());
            }
            _ => {
                // Release the item, so that the second reviewer can claim it.
                let mut item = item;
                if let Some(item) = item.as_mut().filter(|item| item.claimant(now).is_some()) {
                    let before = item.clone();
                    item.clear_claim();
                    update_item(&mut work, &before, item, ReviewQueueChange::Released).await?;
                }
                let proposal = Proposal { user_id: input.user_id, decision, reasons, note };
                let subject = propose(services, work, viewer, proposal, request_id).await?;
                return Ok(Decided { subject, item });
            }
        }
    }
    record.proposal = None;
    if let (Some(item), Some(decided)) = (&item, &decided) {
        update_item(&mut work, item, decided, ReviewQueueChange::Decided).await?;
    }
    save_change(services, &mut work, &record, previous).await?;
    apply_consequences(services, &mut work, input.decision, &record.verification).await?;
    let number_hash = readable_number_hash(services, &record);
    flags::remember_decision(services, &work, &record, input.decision, number_hash).await?;
    let decision_record = Decision {
        id: services.new_id(),
        subject_id: SubjectId::Verification(input.user_id),
        item_id: item.map(|item| item.id),
        reviewer_id: viewer.id(),
        decision,
        reasons: record.verification.reasons.clone(),
        internal_note: note,
        version: record.verification.version,
        decided_at: now,
    };
    reviews::insert_decision(work.tx(), &decision_record).await?;
    audit::append(services, &work, actor(viewer, request_id), input.user_id, "DECIDE", decision).await?;
    work.commit().await?;
    Ok(Decided { subject: record.verification, item: decided })
}

/// The decision of the first of two reviewers.
struct Proposal {
    user_id: UserId,
    decision: &'static str,
    reasons: Vec<ReviewReason>,
    note: Option<String>,
}

/// Stores the proposal, with its reasons.
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
    let decision_record = Decision {
        id: services.new_id(),
        subject_id: SubjectId::Verification(user_id),
        item_id: None,
        reviewer_id: viewer.id(),
        decision: "PROPOSE",
        reasons,
        internal_note: note,
        version: unchanged.version,
        decided_at: services.now(),
    };
    reviews::insert_decision(work.tx(), &decision_record).await?;
    audit::append(services, &work, actor(viewer, request_id), user_id, "PROPOSE", decision).await?;
    work.commit().await?;
    Ok(unchanged)
}

/// Sets or removes the user's verified badge. After a revocation, also pauses the user's active gigs if their
/// level requires a verified identity.
async fn apply_consequences(
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
            let needed = |user| permission::check_verified(user, &services.limits).is_some();
            if people.first().is_some_and(needed) {
                for gig in gigs::lock_all_of_seller(work.tx(), user_id, &[GigStatus::Active]).await? {
                    apply_transition(services, work, gig, GigTransition::Pause).await?;
                }
            }
        }
        VerificationDecision::RequestResubmission | VerificationDecision::Reject => {}
    }
    Ok(())
}

/// The personal information of these users, for the user or for a reviewer. Access by a reviewer is audited.
/// A user is missing in the map if there is no personal information, or it was erased.
///
/// # Errors
/// [`Error::Forbidden`] for everybody else. Of a single user: [`Error::Decryption`] if a key is missing or
/// the form was altered.
pub async fn personal_info(
    services: &Services,
    db: &store::Reader,
    viewer: &Viewer,
    user_ids: &[UserId],
    request_id: &str,
) -> Result<HashMap<UserId, Result<PersonalInfo>>> {
    if user_ids.iter().any(|user_id| *user_id != viewer.id()) {
        require_reviewer(viewer)?;
    }
    let mut forms = HashMap::new();
    for record in verifications::find_all(db, user_ids).await? {
        if let Some(form) = decrypt_personal_info(services, &record).transpose() {
            forms.insert(record.verification.user_id, form);
        }
    }
    let is_seen_by_reviewer =
        |(user_id, form): &(&UserId, &Result<_>)| **user_id != viewer.id() && form.is_ok();
    let seen: Vec<_> = forms.iter().filter(is_seen_by_reviewer).map(|(user_id, _)| *user_id).collect();
    if !seen.is_empty() {
        // Audit before returning the data: without an audit entry nothing is shown.
        let work = services.begin().await?;
        // Users who were erased since their forms were read are left out.
        let erased = work.lock_all_and(viewer, &seen).await?;
        forms.retain(|user_id, _| !erased.contains(user_id));
        let seen: Vec<_> = seen.into_iter().filter(|user_id| !erased.contains(user_id)).collect();
        let actor = actor(viewer, request_id);
        audit::append_for_all(services, &work, actor, &seen, "VIEW_PERSONAL_INFO", "").await?;
        work.commit().await?;
    }
    Ok(forms)
}

/// The signature in the URL of a document's image.
#[derive(Debug, Clone)]
pub struct DocumentSignature {
    /// Seconds since 1970.
    pub expires: i64,
    pub signature: String,
}

/// Returns the URL of a document's image. It is valid for five minutes and for this reviewer's session
/// only.
///
/// # Errors
/// [`Error::Forbidden`] for everybody but reviewers.
pub fn document_url(services: &Services, viewer: &Viewer, document_id: DocumentId) -> Result<String> {
    require_reviewer(viewer)?;
    let expires = (services.now() + URL_LIFETIME).timestamp();
    let id = document_id.to_public();
    let signature = services.url_signer.sign(&signed_text(document_id, viewer.session_id, expires));
    Ok(format!("{}/identity-documents/{id}?expires={expires}&signature={signature}", services.public_url))
}

fn signed_text(document_id: DocumentId, session_id: SessionId, expires: i64) -> String {
    format!("identity document {document_id} for session {session_id} until {expires}")
}

/// Returns a document's image to the reviewer whose session the URL was signed for; the access is audited.
/// `None` if the URL is invalid or expired, or the image does not exist any more.
///
/// # Errors
/// [`Error::Decryption`] if a key is missing or the image was altered.
pub async fn read_document(
    services: &Services,
    viewer: &Viewer,
    document_id: DocumentId,
    url_signature: &DocumentSignature,
    request_id: &str,
) -> Result<Option<Vec<u8>>> {
    let text = signed_text(document_id, viewer.session_id, url_signature.expires);
    let is_valid = services.now().timestamp() < url_signature.expires
        && services.url_signer.is_valid(&text, &url_signature.signature);
    if is_valid && !viewer.role.can_review() {
        security_log::role_refused(Some(viewer.id()), None);
    }
    if !is_valid || !viewer.role.can_review() {
        return Ok(None);
    }
    let db = services.db.read();
    let Some(document) = verifications::find_document(db, document_id).await? else { return Ok(None) };
    let record = verifications::find(db, document.user_id).await?;
    let Some(wrapped) = record.and_then(|record| record.key) else { return Ok(None) };
    let blob = services.media.get(document_id).await.map_err(Error::unavailable)?;
    let Some(blob) = blob else { return Ok(None) };
    let key = services.vault.unwrap(&wrapped, document.user_id)?;
    let image = key.decrypt(&document_context(document.user_id, document_id), &blob)?;
    let side: &str = document.side.into();
    let work = services.begin().await?;
    if work.lock_viewer_and(viewer, document.user_id).await? {
        // The user was erased since the image was read.
        return Ok(None);
    }
    let detail = format!("{side} {}", document_id.to_public());
    audit::append(services, &work, actor(viewer, request_id), document.user_id, "VIEW_DOCUMENT", &detail)
        .await?;
    work.commit().await?;
    Ok(Some(image.to_vec()))
}

fn actor<'a>(viewer: &Viewer, request_id: &'a str) -> Actor<'a> {
    Actor { id: Some(viewer.id()), request_id }
}
