//! Raises the flags of submissions, and remembers those that are rejected or revoked for fraud or sanctions.
//!
//! A submission is compared with what others have submitted, and with the fingerprints of fraud. What is found becomes
//! a flag for the reviewers of this item and, if it is about another account, of the newest item of that account. The
//! applicants notice nothing: the status, the response and the events are the same as without a flag.
//!
//! A fingerprint is a keyed hash of the document number alone, whatever the type and the country of the document, or of
//! a picture, or the encrypted signature of a picture. An erasure keeps it and removes what it can be connected with
//! the user by. It is deleted after `retention.fingerprintsDays`, and when the verification is cleared later.

use uuid::Uuid;

use crate::domain::flag::FlagCode;
use crate::domain::id::{ReviewItemId, UserId};
use crate::domain::reason::{ReasonCategory, ReviewReason};
use crate::domain::review::VerificationDecision;
use crate::media::images::perceptual::Preview;
use crate::service::look_alikes::{LookAlikes, encrypt_signature, previews};
use crate::service::{Error, Result, Services, UnitOfWork};
use crate::store::fingerprints;
use crate::store::fingerprints::{Evidence, NewFingerprint};
use crate::store::flags;
use crate::store::flags::NewFlag;
use crate::store::verifications::VerificationRecord;

/// Raises the flags of a submission, whose item was inserted, and of the items that they are about. The caller holds
/// the lock of submissions, so that of two submissions with the same document, the second sees the first.
pub(super) async fn raise(
    services: &Services,
    work: &UnitOfWork<'_>,
    record: &VerificationRecord,
    item_id: ReviewItemId,
    number_hash: Vec<u8>,
    look_alikes: LookAlikes,
) -> Result<()> {
    let (tx, user_id) = (work.tx(), record.verification.user_id);
    let pictures = picture_hashes(record);
    let identity_hash = record.identity_hash.as_deref().unwrap_or_default();
    let same_identity = flags::users_with_identity(tx, identity_hash, user_id).await?;
    let same_picture = flags::users_with_picture(tx, pictures.clone(), user_id).await?;
    let hashes = std::iter::once(number_hash).chain(pictures).collect();
    let fingerprints = fingerprints::find(tx, hashes).await?;

    let others = [&same_identity[..], &same_picture, &look_alikes.users].concat();
    let items = flags::newest_items(tx, &others).await?;
    let mut raised = RaisedFlags { item_id, flags: Vec::new() };
    for (code, related) in fingerprints {
        raised.add(code, false, related);
    }
    let evidence = [
        (FlagCode::DuplicateDocument, false, same_identity),
        (FlagCode::DuplicatePicture, false, same_picture),
        (FlagCode::DuplicatePicture, true, look_alikes.users),
    ];
    for (code, is_hint, users) in evidence {
        for user_id in users {
            // Who has not submitted has no item.
            if let Some(other) = items.get(&user_id) {
                raised.add_to_both(code, is_hint, *other);
            }
        }
    }
    for related in look_alikes.fraudulent {
        raised.add(FlagCode::DuplicatePicture, true, related);
    }
    let rows: Vec<(Uuid, NewFlag)> = raised.flags.into_iter().map(|flag| (services.new_id(), flag)).collect();
    Ok(flags::insert_all(tx, &rows, services.now()).await?)
}

/// The flags of one submission, and of the items that they are about.
struct RaisedFlags {
    item_id: ReviewItemId,
    flags: Vec<NewFlag>,
}

impl RaisedFlags {
    /// Adds a flag to the submission, unless a flag names the same item for the same, or for a picture with better
    /// evidence. Returns whether it is new.
    fn add(&mut self, code: FlagCode, is_hint: bool, related: Option<ReviewItemId>) -> bool {
        let is_known = |flag: &NewFlag| {
            let is_better = is_hint && flag.code != FlagCode::DuplicateDocument;
            flag.item_id == self.item_id && flag.related == related && (flag.code == code || is_better)
        };
        let is_new = !self.flags.iter().any(is_known);
        if is_new {
            self.flags.push(NewFlag { item_id: self.item_id, code, is_hint, related });
        }
        is_new
    }

    /// Adds a flag about the other item to the submission, and one about the submission to the other item.
    fn add_to_both(&mut self, code: FlagCode, is_hint: bool, other: ReviewItemId) {
        if self.add(code, is_hint, Some(other)) {
            self.flags.push(NewFlag { item_id: other, code, is_hint, related: Some(self.item_id) });
        }
    }
}

/// Remembers a submission that was rejected or revoked for fraud or sanctions. Forgets what is remembered of a
/// verification that is cleared. `number_hash` is the keyed hash of the document number, if there is one.
pub(super) async fn remember_decision(
    services: &Services,
    work: &UnitOfWork<'_>,
    record: &VerificationRecord,
    decision: VerificationDecision,
    number_hash: Option<Vec<u8>>,
) -> Result<()> {
    let user_id = record.verification.user_id;
    let code = match decision {
        VerificationDecision::Clear => return Ok(fingerprints::withdraw(work.tx(), user_id).await?),
        VerificationDecision::RequestResubmission => return Ok(()),
        VerificationDecision::Reject => FlagCode::PreviouslyRejected,
        VerificationDecision::Revoke => FlagCode::PreviouslyRevoked,
    };
    if !record.verification.reasons.iter().any(is_fraud) {
        return Ok(());
    }
    let mut evidence: Vec<_> = number_hash.into_iter().map(Evidence::DocumentNumber).collect();
    evidence.extend(picture_hashes(record).into_iter().map(Evidence::Picture));
    let item_id = flags::newest_items(work.tx(), &[user_id]).await?.remove(&user_id);
    let mut new = Vec::with_capacity(2 * evidence.len());
    for evidence in evidence {
        new.push(NewFingerprint { id: services.vault.random_id()?, evidence, code, item_id });
    }
    for preview in readable_previews(services, work, record, user_id).await? {
        let id = services.vault.random_id()?;
        let (hash, cells) = encrypt_signature(&services.vault, id, &preview)?;
        new.push(NewFingerprint { id, evidence: Evidence::Signature { hash, cells }, code, item_id });
    }
    Ok(fingerprints::insert_all(work.tx(), new, services.now()).await?)
}

/// The previews of the user's pictures; none if they cannot be decrypted.
async fn readable_previews(
    services: &Services,
    work: &UnitOfWork<'_>,
    record: &VerificationRecord,
    user_id: UserId,
) -> Result<Vec<Preview>> {
    match previews(services, work.tx(), record).await {
        Err(Error::Decryption(error)) => {
            tracing::error!(%user_id, %error, "the pictures of a fraudulent submission cannot be remembered");
            Ok(Vec::new())
        }
        found => found,
    }
}

fn is_fraud(reason: &ReviewReason) -> bool {
    reason.category == ReasonCategory::Fraud
}

fn picture_hashes(record: &VerificationRecord) -> Vec<Vec<u8>> {
    record.verification.documents.iter().map(|document| document.image_hash.clone()).collect()
}
