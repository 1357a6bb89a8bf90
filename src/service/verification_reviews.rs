//! Decisions of reviewers about verifications. Each is audited. The rules are in `domain::verification_decision`.
//!
//! If a decision needs two reviewers, that of the first is stored as a proposal and has no other effect. It takes
//! effect when another reviewer decides the same. If another reviewer decides something else, the proposal ends, both
//! voices are on record, and the item is open again. Until then, the first reviewer cannot decide.

use crate::domain::flag::FlagCode;
use crate::domain::gig::{GigStatus, GigTransition};
use crate::domain::id::{ReviewItemId, SubjectId, UserId};
use crate::domain::message::message;
use crate::domain::permission;
use crate::domain::reason;
use crate::domain::reason::{ReasonForm, ReviewReason};
use crate::domain::review::{Decision, ReviewItem, ReviewQueueChange, VerificationDecision};
use crate::domain::review_kind::ReviewKind;
use crate::domain::review_record::RecordKind;
use crate::domain::user::{Role, Viewer};
use crate::domain::verification::Verification;
use crate::domain::verification_decision;
use crate::domain::verification_decision::{DecisionFacts, Effect};
use crate::domain::violation::{Validator, Violation, ViolationCode};
use crate::service::audit;
use crate::service::error::require_reviewer;
use crate::service::flags;
use crate::service::gigs::apply_transition;
use crate::service::review_texts::insert_decision;
use crate::service::reviews::{Decided, actor, erased_subject_error, update_item, validate_note};
use crate::service::verifications::{readable_number_hash, save_change};
use crate::service::{Result, Services, UnitOfWork, integrity, refusals};
use crate::store;
use crate::store::reviews::records;
use crate::store::verifications::VerificationRecord;
use crate::store::{authority, gigs, inspections, openings, reviews, users, verifications};

/// A reviewer's decision on a verification.
#[derive(Debug)]
pub struct VerificationDecisionInput {
    pub user_id: UserId,
    pub decision: VerificationDecision,
    pub expected_version: i32,
    pub reasons: Vec<ReasonForm>,
    pub internal_note: Option<String>,
}

/// Decides on a verification: the decision takes effect, waits for a second reviewer, or ends the proposal of another
/// reviewer (`verification_decision::check`).
///
/// # Errors
/// The violations of the input; `NOT_FOUND`, `NOT_ALLOWED` for the reviewer's own verification and while their own
/// proposal is pending, `STALE_VERSION`, `CLAIM_REQUIRED`, `ALREADY_CLAIMED`, `INSPECTION_REQUIRED`,
/// `INVALID_TRANSITION`.
pub async fn decide(
    services: &Services,
    viewer: &Viewer,
    input: VerificationDecisionInput,
    request_id: &str,
) -> Result<Decided<Verification>> {
    let (subject, decision) = (SubjectId::Verification(input.user_id), input.decision.into());
    let decided = try_decide(services, viewer, input, request_id).await;
    refusals::audited(services, viewer, subject, decision, request_id, decided).await
}

async fn try_decide(
    services: &Services,
    viewer: &Viewer,
    input: VerificationDecisionInput,
    request_id: &str,
) -> Result<Decided<Verification>> {
    require_reviewer(viewer)?;
    let limits = &services.limits;
    let mut validator = Validator::default();
    input.decision.check_reasons(&input.reasons, &mut validator);
    let reasons = reason::resolve(input.reasons, ReviewKind::Verification, &limits.review, &mut validator);
    let note = input.internal_note.as_deref();
    let note = validate_note(note, "internalNote", "The note", &limits.review, &mut validator);
    validator.finish()?;

    let work = services.begin().await?;
    if input.user_id == viewer.id() {
        let message = message!("You cannot review your own verification.");
        return Err(Violation::at("verificationId", ViolationCode::NotAllowed, message).into());
    }
    let is_erased = work.lock_viewer_and(viewer, input.user_id).await?;
    let record = verifications::lock(work.tx(), input.user_id)
        .await?
        .ok_or_else(|| Violation::not_found("verificationId", "verification"))?;
    if is_erased {
        return Err(erased_subject_error());
    }
    integrity::require_untampered(services, &record)?;
    if record.verification.version != input.expected_version {
        return Err(Violation::stale("expectedVersion", "verification").into());
    }
    let item = reviews::lock_undecided(work.tx(), SubjectId::Verification(input.user_id)).await?;
    let effect = check(services, &work, viewer, input.decision, &record.verification, item.as_ref()).await?;
    let voice = Voice { viewer, decision: input.decision, reasons, note, request_id };
    match effect {
        Effect::Decide => apply(services, work, record, item, voice).await,
        Effect::Propose => record_voice(services, work, record, item, voice, RecordKind::Proposal).await,
        Effect::Disagree => record_voice(services, work, record, item, voice, RecordKind::Disagreement).await,
    }
}

/// What one reviewer says about a verification.
struct Voice<'a> {
    viewer: &'a Viewer,
    decision: VerificationDecision,
    reasons: Vec<ReviewReason>,
    note: Option<String>,
    request_id: &'a str,
}

impl Voice<'_> {
    /// The row of the record.
    fn to_row(
        &self,
        services: &Services,
        verification: &Verification,
        item_id: Option<ReviewItemId>,
        kind: RecordKind,
    ) -> Decision {
        Decision {
            id: services.new_id(),
            subject_id: SubjectId::Verification(verification.user_id),
            item_id,
            kind,
            reviewer_id: self.viewer.id(),
            decision: self.decision.into(),
            reasons: self.reasons.clone(),
            internal_note: self.note.clone(),
            version: verification.version,
            decided_at: services.now(),
        }
    }
}

/// Reads what the decision depends on, and returns what it does.
async fn check(
    services: &Services,
    work: &UnitOfWork<'_>,
    viewer: &Viewer,
    decision: VerificationDecision,
    verification: &Verification,
    item: Option<&ReviewItem>,
) -> Result<Effect> {
    let (limits, now, user_id) = (&services.limits, services.now(), verification.user_id);
    let item_ids: Vec<_> = item.map(|item| item.id).into_iter().collect();
    let cutoff = limits.four_eyes.proposal_cutoff(now);
    let mut proposal = records::find_proposals(work.tx(), &[user_id], cutoff).await?.remove(&user_id);
    if let Some(found) = &proposal {
        // The query has read the role without its tag.
        let role = authority::find_role(work.tx(), services, found.reviewer_id).await?;
        proposal = proposal.filter(|_| role.is_some_and(Role::can_review));
    }
    let inspection = inspections::find_active(work.tx(), viewer.id(), user_id, now).await?;
    let deliveries = openings::deliveries_of(work.tx(), &item_ids).await?.into_values().next();
    let flags = flag_codes(work, &item_ids).await?;
    let facts = DecisionFacts {
        owner: None,
        item,
        proposal: proposal.as_ref(),
        has_inspection: viewer.role == Role::Admin && inspection.is_some(),
        flags: &flags,
        deliveries: deliveries.as_deref().unwrap_or_default(),
    };
    Ok(verification_decision::check(verification, decision, viewer.id(), &facts, limits, now)?)
}

/// Lets the decision take effect.
async fn apply(
    services: &Services,
    mut work: UnitOfWork<'_>,
    mut record: VerificationRecord,
    item: Option<ReviewItem>,
    voice: Voice<'_>,
) -> Result<Decided<Verification>> {
    let (limits, now) = (&services.limits, services.now());
    let (previous, user_id) = (record.verification.status, record.verification.user_id);
    record.verification.apply(voice.decision.transition(), voice.reasons.clone(), limits, now)?;
    record.proposal_id = None;
    let decided = match &item {
        Some(item) => {
            let mut decided = item.clone();
            decided.decide(voice.viewer.id(), true, now)?;
            update_item(&mut work, item, &decided, ReviewQueueChange::Decided).await?;
            Some(decided)
        }
        None => None,
    };
    save_change(services, &mut work, &record, previous).await?;
    apply_consequences(services, &mut work, voice.decision, &record.verification).await?;
    let number_hash = readable_number_hash(services, work.tx(), &record).await;
    flags::remember_decision(services, &work, &record, voice.decision, number_hash).await?;
    let item_id = item.map(|item| item.id);
    let mut row = voice.to_row(services, &record.verification, item_id, RecordKind::Decision);
    row.reasons.clone_from(&record.verification.reasons);
    let decision = row.decision;
    insert_decision(services, &work, user_id, row).await?;
    let actor = actor(voice.viewer, voice.request_id);
    audit::append(services, &work, actor, user_id, "DECIDE", decision).await?;
    work.commit().await?;
    Ok(Decided { subject: record.verification, item: decided })
}

/// Stores a proposal, or a disagreement, which ends the proposal. The item is open again.
async fn record_voice(
    services: &Services,
    mut work: UnitOfWork<'_>,
    record: VerificationRecord,
    item: Option<ReviewItem>,
    voice: Voice<'_>,
    kind: RecordKind,
) -> Result<Decided<Verification>> {
    let verification = record.verification;
    let (user_id, subject_id) = (verification.user_id, SubjectId::Verification(verification.user_id));
    let released = match item {
        Some(before) => {
            let mut item = before.clone();
            item.clear_claim();
            update_item(&mut work, &before, &item, ReviewQueueChange::Released).await?;
            Some(item)
        }
        None => None,
    };
    let item_id = match &released {
        Some(item) => Some(item.id),
        // A proposal to revoke is shown with the item that was decided last.
        None => records::find_newest_item(work.tx(), subject_id).await?,
    };
    let row = voice.to_row(services, &verification, item_id, kind);
    let (row_id, decision) = (row.id, row.decision);
    insert_decision(services, &work, user_id, row).await?;
    let (proposal_id, action) = match kind {
        RecordKind::Proposal => (Some(row_id), "PROPOSE"),
        _ => (None, "DISAGREE"),
    };
    verifications::set_proposal(work.tx(), user_id, proposal_id).await?;
    let actor = actor(voice.viewer, voice.request_id);
    audit::append(services, &work, actor, user_id, action, decision).await?;
    work.commit().await?;
    Ok(Decided { subject: verification, item: released })
}

/// The codes of the flags of these items. A hint is not a reason for a second reviewer.
async fn flag_codes(work: &UnitOfWork<'_>, item_ids: &[ReviewItemId]) -> Result<Vec<FlagCode>> {
    let flags = store::flags::of_items(work.tx(), item_ids).await?;
    Ok(flags.into_values().flatten().filter(|flag| !flag.is_hint).map(|flag| flag.code).collect())
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
            authority::set_verified(work.tx(), services, user_id, verification.cleared_at).await?;
        }
        VerificationDecision::Revoke => {
            authority::set_verified(work.tx(), services, user_id, None).await?;
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
