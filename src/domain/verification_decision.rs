//! Whether a reviewer may decide a verification now, and what their decision does.
//!
//! The decision needs the reviewer's claim of the review item; a revocation, which has no undecided item, needs an
//! inspection. CLEAR needs every required picture to be delivered to one of those who decide. If the decision needs
//! two reviewers, the first one's is a proposal, and takes effect when another reviewer decides the same. Another
//! decision of another reviewer ends the proposal, and the item is open again. While the proposal is pending, its
//! author can neither decide nor claim the item ([`check_claim`]), so that they do not keep the second reviewer
//! waiting.
//!
//! `service::verification_reviews` decides by [`check`], and `Verification.viewerActions` lists by it what will
//! succeed.

use chrono::{DateTime, Utc};

use crate::domain::flag::FlagCode;
use crate::domain::id::{DocumentId, UserId};
use crate::domain::limits::Limits;
use crate::domain::message::message;
use crate::domain::permission::Standing;
use crate::domain::review::{ReviewItem, VerificationDecision};
use crate::domain::review_record::Proposal;
use crate::domain::verification::{DocumentSide, Verification, VerificationStatus};
use crate::domain::violation::{Violation, ViolationCode};

/// A picture was sent to a reviewer in full, while they had the claim of the item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    pub document_id: DocumentId,
    pub reviewer_id: UserId,
}

/// What a decision depends on, besides the verification.
#[derive(Debug, Default)]
pub struct DecisionFacts<'a> {
    /// The user whose verification it is.
    pub owner: Option<&'a Standing>,
    /// The undecided review item.
    pub item: Option<&'a ReviewItem>,
    /// A decision that waits for a second reviewer.
    pub proposal: Option<&'a Proposal>,
    /// Whether the reviewer inspects the verification now.
    pub has_inspection: bool,
    /// The flags of the item.
    pub flags: &'a [FlagCode],
    /// The pictures that were delivered in the review of the item.
    pub deliveries: &'a [Delivery],
}

/// What a decision does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It takes effect.
    Decide,
    /// It waits for a second reviewer.
    Propose,
    /// It ends the proposal of another reviewer.
    Disagree,
}

/// Whether a decision that leads to this status needs two reviewers, by the settings `fourEyes` and
/// `verification.secondReviewer`.
pub fn needs_two_reviewers(status: VerificationStatus, flags: &[FlagCode], limits: &Limits) -> bool {
    let (four_eyes, is_adverse_checked) = (&limits.four_eyes, limits.verification.second_reviewer);
    let is_checked = |flag: &FlagCode| match flag {
        FlagCode::DuplicateDocument => four_eyes.duplicate_document,
        FlagCode::DuplicatePicture => four_eyes.duplicate_picture,
        FlagCode::PreviouslyRejected => four_eyes.previously_rejected,
        FlagCode::PreviouslyRevoked => four_eyes.previously_revoked,
    };
    match status {
        VerificationStatus::Cleared => four_eyes.clear || flags.iter().any(is_checked),
        VerificationStatus::Rejected => four_eyes.reject || is_adverse_checked,
        VerificationStatus::Revoked => four_eyes.revoke || is_adverse_checked,
        _ => false,
    }
}

/// Returns what the decision of this reviewer does now.
///
/// # Errors
/// `INVALID_TRANSITION`; `CLAIM_REQUIRED` or `ALREADY_CLAIMED` without the claim; `INSPECTION_REQUIRED` for a
/// revocation; `NOT_ALLOWED` while the reviewer's own proposal is pending; `REQUIRED` for each picture that was not
/// delivered.
pub fn check(
    verification: &Verification,
    decision: VerificationDecision,
    reviewer: UserId,
    facts: &DecisionFacts<'_>,
    limits: &Limits,
    now: DateTime<Utc>,
) -> Result<Effect, Vec<Violation>> {
    if facts.owner.is_some_and(|owner| owner.is_erased) {
        let message = message!("The account that this is about was erased.");
        return Err(vec![Violation::general(ViolationCode::InvalidTransition, message)]);
    }
    let is_in_review = verification.status == VerificationStatus::InReview;
    if is_in_review && verification.erased_at.is_some() {
        let message = message!("The data of this verification have been erased.");
        return Err(vec![Violation::general(ViolationCode::InvalidTransition, message)]);
    }
    let status = verification.check(decision.transition(), limits).map_err(|it| vec![it])?;
    check_access(is_in_review, reviewer, facts, now).map_err(|it| vec![it])?;
    let name: &str = decision.into();
    let effect = match facts.proposal {
        Some(proposal) if proposal.reviewer_id == reviewer => {
            let message = message!("Your proposal is pending. Another reviewer must decide.");
            return Err(vec![Violation::at("decision", ViolationCode::NotAllowed, message)]);
        }
        Some(proposal) if proposal.decision == name => Effect::Decide,
        Some(_) => Effect::Disagree,
        None if needs_two_reviewers(status, facts.flags, limits) => Effect::Propose,
        None => Effect::Decide,
    };
    if decision == VerificationDecision::Clear {
        let confirmed = facts.proposal.filter(|proposal| proposal.decision == name);
        let deciders = [Some(reviewer), confirmed.map(|proposal| proposal.reviewer_id)];
        let undelivered = undelivered_sides(verification, &deciders, facts.deliveries, limits);
        if !undelivered.is_empty() {
            return Err(undelivered.into_iter().map(undelivered_violation).collect());
        }
    }
    Ok(effect)
}

/// Checks that the reviewer can claim the item of a verification with this pending proposal.
///
/// # Errors
/// `NOT_ALLOWED` for the author of the proposal.
pub fn check_claim(reviewer: UserId, proposal: Option<&Proposal>) -> Result<(), Violation> {
    if proposal.is_some_and(|proposal| proposal.reviewer_id == reviewer) {
        let message = message!("Your proposal is pending. Another reviewer must claim the item.");
        return Err(Violation::at("id", ViolationCode::NotAllowed, message));
    }
    Ok(())
}

/// Checks the claim of an undecided item, or the inspection of a decided verification.
fn check_access(
    is_in_review: bool,
    reviewer: UserId,
    facts: &DecisionFacts<'_>,
    now: DateTime<Utc>,
) -> Result<(), Violation> {
    match facts.item {
        Some(item) => item.check_claimed_by(reviewer, now).map_err(|it| it.moved_to("verificationId")),
        None if is_in_review => Err(Violation::claim_required("verificationId")),
        None if facts.has_inspection => Ok(()),
        None => {
            let message = message!("An administrator must inspect the verification first, with a reason.");
            Err(Violation::at("verificationId", ViolationCode::InspectionRequired, message))
        }
    }
}

/// The required sides whose pictures were delivered to none of the deciders.
fn undelivered_sides(
    verification: &Verification,
    deciders: &[Option<UserId>],
    deliveries: &[Delivery],
    limits: &Limits,
) -> Vec<DocumentSide> {
    let required = verification.document_type.map(|kind| kind.sides(limits.verification.selfie_required));
    let required = required.unwrap_or_default();
    let is_delivered = |id: DocumentId| {
        deliveries.iter().any(|it| it.document_id == id && deciders.contains(&Some(it.reviewer_id)))
    };
    let documents = verification.documents.iter();
    documents
        .filter(|document| required.contains(&document.side) && !is_delivered(document.id))
        .map(|document| document.side)
        .collect()
}

fn undelivered_violation(side: DocumentSide) -> Violation {
    let side: &str = side.into();
    let message = message!("Open the whole picture before you decide: {side}.", side = side);
    Violation::at("decision", ViolationCode::Required, message)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;
    use crate::domain::id::{DecisionId, ReviewItemId, SubjectId};
    use crate::domain::limits::{FourEyesLimits, ReviewLimits};
    use crate::domain::verification::{DocumentType, IdentityDocument};

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn user(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    fn document(number: u128, side: DocumentSide) -> IdentityDocument {
        IdentityDocument {
            id: DocumentId::from_uuid(Uuid::from_u128(number)),
            user_id: user(9),
            document_type: DocumentType::NationalId,
            side,
            image_hash: Vec::new(),
            needs_resubmission: false,
            uploaded_at: NOW,
            quality: None,
            key: None,
        }
    }

    fn in_review() -> Verification {
        Verification {
            status: VerificationStatus::InReview,
            attempts_used: 1,
            document_type: Some(DocumentType::NationalId),
            documents: vec![document(1, DocumentSide::Front), document(2, DocumentSide::Back)],
            ..Verification::not_started(user(9))
        }
    }

    fn item(claimed_by: Option<UserId>) -> ReviewItem {
        let subject = SubjectId::Verification(user(9));
        let mut item = ReviewItem::new(ReviewItemId::nil(), subject, &ReviewLimits::default(), NOW);
        item.claimed_by = claimed_by;
        item.claim_expires_at = claimed_by.map(|_| NOW + TimeDelta::minutes(1));
        item
    }

    fn delivery(number: u128, reviewer_id: UserId) -> Delivery {
        Delivery { document_id: DocumentId::from_uuid(Uuid::from_u128(number)), reviewer_id }
    }

    fn proposal(decision: &str, reviewer_id: UserId) -> Proposal {
        let (id, decision) = (DecisionId::nil(), decision.to_owned());
        Proposal { id, item_id: None, decision, reviewer_id, proposed_at: NOW }
    }

    fn codes(result: Result<Effect, Vec<Violation>>) -> Vec<ViolationCode> {
        result.expect_err("it is refused").iter().map(|violation| violation.code).collect()
    }

    #[test]
    fn a_decision_needs_the_claim_and_a_revocation_an_inspection() {
        let (limits, rita, rob) = (Limits::default(), user(1), user(2));
        let decide = |verification: &Verification, decision, facts: &DecisionFacts<'_>| {
            check(verification, decision, rita, facts, &limits, NOW)
        };
        let reject = VerificationDecision::Reject;
        for (claimed_by, expected) in [
            (None, Err(vec![ViolationCode::ClaimRequired])),
            (Some(rob), Err(vec![ViolationCode::AlreadyClaimed])),
            (Some(rita), Ok(Effect::Decide)),
        ] {
            let item = item(claimed_by);
            let facts = DecisionFacts { item: Some(&item), ..DecisionFacts::default() };
            let result = decide(&in_review(), reject, &facts);
            assert_eq!(result.map_err(|it| it.iter().map(|it| it.code).collect::<Vec<_>>()), expected);
        }
        let cleared = Verification { status: VerificationStatus::Cleared, ..in_review() };
        let revoke = VerificationDecision::Revoke;
        let without = decide(&cleared, revoke, &DecisionFacts::default());
        assert_eq!(codes(without), [ViolationCode::InspectionRequired]);
        let facts = DecisionFacts { has_inspection: true, ..DecisionFacts::default() };
        assert_eq!(decide(&cleared, revoke, &facts), Ok(Effect::Decide));
    }

    #[test]
    fn clear_needs_each_picture_delivered_to_one_of_those_who_decide() {
        let (mut limits, rita, rob, eve) = (Limits::default(), user(1), user(2), user(3));
        let item = item(Some(rita));
        let clear = |deliveries: &[Delivery], proposal: Option<&Proposal>, limits: &Limits| {
            let facts = DecisionFacts { item: Some(&item), deliveries, proposal, ..DecisionFacts::default() };
            check(&in_review(), VerificationDecision::Clear, rita, &facts, limits, NOW)
        };
        assert_eq!(codes(clear(&[], None, &limits)).len(), 2);
        let others = [delivery(1, rita), delivery(2, eve)];
        assert_eq!(codes(clear(&others, None, &limits)), [ViolationCode::Required]);
        let both = [delivery(1, rita), delivery(2, rita)];
        assert_eq!(clear(&both, None, &limits), Ok(Effect::Decide));
        limits.four_eyes.clear = true;
        assert_eq!(clear(&both, None, &limits), Ok(Effect::Propose));
        let shared = [delivery(1, rita), delivery(2, rob)];
        assert_eq!(clear(&shared, Some(&proposal("CLEAR", rob)), &limits), Ok(Effect::Decide));
        assert_eq!(codes(clear(&shared, Some(&proposal("REJECT", rob)), &limits)).len(), 1);
    }

    #[test]
    fn a_second_reviewer_confirms_or_ends_a_proposal() {
        let (mut limits, rita, rob) = (Limits::default(), user(1), user(2));
        limits.four_eyes.reject = true;
        let item = item(Some(rita));
        let decide = |decision, proposal: Option<&Proposal>| {
            let facts = DecisionFacts { item: Some(&item), proposal, ..DecisionFacts::default() };
            check(&in_review(), decision, rita, &facts, &limits, NOW)
        };
        let (reject, resubmit) = (VerificationDecision::Reject, VerificationDecision::RequestResubmission);
        assert_eq!(decide(reject, None), Ok(Effect::Propose));
        assert_eq!(decide(reject, Some(&proposal("REJECT", rob))), Ok(Effect::Decide));
        assert_eq!(decide(resubmit, Some(&proposal("REJECT", rob))), Ok(Effect::Disagree));
    }

    #[test]
    fn the_author_of_a_pending_proposal_can_neither_decide_nor_claim() {
        let (mut limits, rita, rob) = (Limits::default(), user(1), user(2));
        limits.four_eyes.reject = true;
        // A claim from before the proposal.
        let item = item(Some(rita));
        let own = proposal("REJECT", rita);
        let facts = DecisionFacts { item: Some(&item), proposal: Some(&own), ..DecisionFacts::default() };
        for decision in [VerificationDecision::Reject, VerificationDecision::RequestResubmission] {
            let refused = check(&in_review(), decision, rita, &facts, &limits, NOW);
            assert_eq!(codes(refused), [ViolationCode::NotAllowed]);
        }
        let claim = check_claim(rita, Some(&own)).expect_err("it is refused");
        assert_eq!((claim.code, &*claim.field), (ViolationCode::NotAllowed, &["id".to_owned()][..]));
        assert_eq!((check_claim(rob, Some(&own)), check_claim(rita, None)), (Ok(()), Ok(())));
    }

    #[test]
    fn settings_and_flags_say_which_decisions_need_two() {
        use VerificationStatus::{ActionRequired, Cleared, Rejected, Revoked};
        let mut limits = Limits::default();
        let needs_two =
            |status, flags: &[FlagCode], limits: &Limits| needs_two_reviewers(status, flags, limits);
        assert!(!needs_two(Cleared, &[], &limits));
        assert!(!needs_two(Cleared, &[FlagCode::DuplicatePicture], &limits));
        for flag in [FlagCode::DuplicateDocument, FlagCode::PreviouslyRejected, FlagCode::PreviouslyRevoked] {
            assert!(needs_two(Cleared, &[FlagCode::DuplicatePicture, flag], &limits));
            assert!(!needs_two(Rejected, &[flag], &limits));
        }
        limits.verification.second_reviewer = true;
        assert_eq!([Cleared, Rejected, Revoked].map(|it| needs_two(it, &[], &limits)), [false, true, true]);
        limits.verification.second_reviewer = false;
        limits.four_eyes = FourEyesLimits { clear: true, reject: true, revoke: true, ..limits.four_eyes };
        assert_eq!([Cleared, Rejected, Revoked].map(|it| needs_two(it, &[], &limits)), [true; 3]);
        assert!(!needs_two(ActionRequired, &[FlagCode::DuplicateDocument], &limits));
    }
}
