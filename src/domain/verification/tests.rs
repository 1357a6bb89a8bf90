use proptest::prelude::*;
use strum::IntoEnumIterator;

use crate::domain::id::{DocumentId, UserId};
use crate::domain::reason;
use crate::domain::reason::ReasonForm;
use crate::domain::review_kind::ReviewKind;
use crate::domain::verification::*;

/// The allowed changes of status, written down independently of `VerificationStatus::next`.
fn is_allowed(from: VerificationStatus, to: VerificationStatus) -> bool {
    use VerificationStatus::{ActionRequired, Cleared, InProgress, InReview, NotStarted, Rejected, Revoked};
    let targets: &[VerificationStatus] = match from {
        NotStarted | ActionRequired | Revoked | Rejected => &[InProgress],
        InProgress => &[InProgress, InReview],
        InReview => &[Cleared, ActionRequired, Rejected],
        Cleared => &[Revoked],
    };
    targets.contains(&to)
}

#[test]
fn exactly_the_allowed_transitions_exist() {
    for from in VerificationStatus::iter() {
        for to in VerificationStatus::iter() {
            let exists = VerificationTransition::iter().any(|transition| from.next(transition) == Some(to));
            assert_eq!(exists, is_allowed(from, to), "{from:?} -> {to:?}");
        }
    }
}

fn document(side: DocumentSide) -> IdentityDocument {
    IdentityDocument {
        id: DocumentId::nil(),
        user_id: UserId::nil(),
        document_type: DocumentType::NationalId,
        side,
        image_hash: Vec::new(),
        needs_resubmission: false,
        uploaded_at: DateTime::UNIX_EPOCH,
        quality: None,
        key: None,
    }
}

fn in_review() -> Verification {
    let mut verification = Verification::not_started(UserId::nil());
    verification.status = VerificationStatus::InReview;
    verification.attempts_used = 1;
    verification.personal_info_at = Some(DateTime::UNIX_EPOCH);
    verification.document_type = Some(DocumentType::NationalId);
    verification.documents = vec![document(DocumentSide::Front), document(DocumentSide::Back)];
    verification
}

fn reasons(code: &str, field: Option<&[&str]>) -> Vec<ReviewReason> {
    let field = field.map(|path| path.iter().map(|step| (*step).to_owned()).collect());
    let forms = vec![ReasonForm { code: code.into(), field, message: Some("text".into()) }];
    let limits = Limits::default().review;
    let mut validator = crate::domain::violation::Validator::default();
    let reasons = reason::resolve(forms, ReviewKind::Verification, &limits, &mut validator);
    validator.finish().expect("known reasons");
    reasons
}

#[test]
fn only_what_the_reasons_name_must_be_resubmitted() {
    let limits = Limits::default();
    let missing_after_sent_back = |code: &str, field: Option<&[&str]>| -> Vec<String> {
        let mut verification = in_review();
        let transition = VerificationTransition::RequestResubmission;
        verification
            .apply(transition, reasons(code, field), &limits, DateTime::UNIX_EPOCH)
            .expect("it is in review");
        verification.missing_parts(&limits).iter().map(|violation| violation.field.join(".")).collect()
    };
    assert_eq!(missing_after_sent_back("IMAGE_UNREADABLE", Some(&["documents", "BACK"])), ["documents.BACK"]);
    assert_eq!(missing_after_sent_back("IMAGE_UNREADABLE", None), ["documents.FRONT", "documents.BACK"]);
    assert_eq!(missing_after_sent_back("DATA_MISMATCH", None), ["personalInfo"]);
    assert_eq!(missing_after_sent_back("OTHER", None), ["personalInfo", "documents.FRONT", "documents.BACK"]);
    assert_eq!(missing_after_sent_back("OTHER", Some(&["personalInfo", "city"])), ["personalInfo"]);
    let everything = ["personalInfo", "documents.FRONT", "documents.BACK"];
    assert_eq!(missing_after_sent_back("IMAGE_UNREADABLE", Some(&["documents", "SELFIE"])), everything);
}

#[test]
fn what_must_be_resubmitted_after_a_revocation_does_not_tell_of_a_hidden_reason() {
    let limits = Limits::default();
    let missing_after_revocation = |code: &str, field: Option<&[&str]>| -> Vec<String> {
        let mut verification = in_review();
        verification.status = VerificationStatus::Cleared;
        let revoke = VerificationTransition::Revoke;
        verification
            .apply(revoke, reasons(code, field), &limits, DateTime::UNIX_EPOCH)
            .expect("it is cleared");
        verification.missing_parts(&limits).iter().map(|violation| violation.field.join(".")).collect()
    };
    let everything = ["personalInfo", "documents.FRONT", "documents.BACK"];
    for code in ["OTHER", "SANCTIONED", "DOCUMENT_TAMPERED", "DUPLICATE_IDENTITY"] {
        for field in [None, Some(&["documents", "BACK"][..]), Some(&["personalInfo"][..])] {
            assert_eq!(missing_after_revocation(code, field), everything, "{code} {field:?}");
        }
    }
    assert_eq!(
        missing_after_revocation("DOCUMENT_EXPIRED", Some(&["documents", "BACK"])),
        ["documents.BACK"]
    );
}

#[test]
fn after_the_last_attempt_a_reviewer_must_clear_or_reject() {
    let limits = Limits::default();
    let mut verification = in_review();
    verification.attempts_used = 3;
    let before = verification.clone();
    let refused = verification
        .apply(
            VerificationTransition::RequestResubmission,
            reasons("DATA_MISMATCH", None),
            &limits,
            DateTime::UNIX_EPOCH,
        )
        .expect_err("no attempt is left");
    assert_eq!(
        (refused.code, &*refused.field),
        (ViolationCode::AttemptsExhausted, &["decision".to_owned()][..])
    );
    assert_eq!(verification, before);
    for transition in [VerificationTransition::Clear, VerificationTransition::Reject] {
        assert!(verification.check(transition, &limits).is_ok(), "{transition:?}");
    }
}

#[test]
fn a_reopened_verification_has_all_attempts_again() {
    let limits = Limits::default();
    let mut verification = in_review();
    verification.attempts_used = 3;
    let now = DateTime::UNIX_EPOCH;
    verification
        .apply(VerificationTransition::Reject, reasons("DATA_MISMATCH", None), &limits, now)
        .expect("in review");
    verification.apply(VerificationTransition::Reopen, Vec::new(), &limits, now).expect("rejected");
    assert_eq!(
        (verification.status, verification.attempts_left(&limits)),
        (VerificationStatus::InProgress, 3)
    );
    assert_eq!(verification.missing_parts(&limits), []);
    verification.apply(VerificationTransition::Submit, Vec::new(), &limits, now).expect("complete");
}

#[test]
fn the_four_steps_are_completed_one_after_another() {
    let limits = Limits::default();
    let completed = |verification: &Verification| verification.steps(&limits).map(|(_, done)| done.is_some());
    let mut verification = Verification::not_started(UserId::nil());
    assert_eq!(completed(&verification), [false; 4]);
    verification
        .apply(VerificationTransition::ProvideData, Vec::new(), &limits, DateTime::UNIX_EPOCH)
        .expect("it is not started");
    verification.personal_info_at = Some(DateTime::UNIX_EPOCH);
    assert_eq!(completed(&verification), [true, false, false, false]);
    verification.document_type = Some(DocumentType::Passport);
    verification.documents.push(document(DocumentSide::Front));
    assert_eq!(completed(&verification), [true, true, false, false]);
    verification
        .apply(VerificationTransition::Submit, Vec::new(), &limits, DateTime::UNIX_EPOCH)
        .expect("complete");
    assert_eq!(completed(&verification), [true, true, true, false]);
    verification
        .apply(VerificationTransition::Clear, Vec::new(), &limits, DateTime::UNIX_EPOCH)
        .expect("in review");
    assert_eq!(completed(&verification), [true; 4]);
    let labels = verification.steps(&limits).map(|(step, _)| step.label());
    assert_eq!(labels[0], "Personal Identity Information");
    assert_eq!(labels[3], "You have been cleared");
}

proptest! {
    #[test]
    fn transitions_stay_in_the_table_and_within_the_attempts(
        transitions in prop::collection::vec(
            prop::sample::select(VerificationTransition::iter().collect::<Vec<_>>()), 1..80)
    ) {
        let limits = Limits::default();
        let mut verification = in_review();
        verification.status = VerificationStatus::NotStarted;
        verification.attempts_used = 0;
        for transition in transitions {
            let before = verification.clone();
            match verification.apply(transition, reasons("OTHER", None), &limits, DateTime::UNIX_EPOCH) {
                Ok(()) => {
                    prop_assert!(is_allowed(before.status, verification.status));
                    prop_assert_eq!(verification.version, before.version + 1);
                }
                Err(violation) => {
                    prop_assert!(matches!(
                        violation.code, ViolationCode::InvalidTransition | ViolationCode::AttemptsExhausted));
                    prop_assert_eq!(&verification, &before);
                }
            }
            prop_assert!(verification.attempts_used <= limits.verification.attempts_max);
            let in_review = verification.status == VerificationStatus::InReview;
            prop_assert_eq!(verification.review_due_at.is_some(), in_review);
            let cleared = verification.status == VerificationStatus::Cleared;
            prop_assert_eq!(verification.cleared_at.is_some(), cleared);
        }
    }
}
