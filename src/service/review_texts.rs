//! Seals what reviewers write about a user, and opens it for those who may read it: notes, and the messages and
//! paths of reasons.
//!
//! Each user about whom something is written has a key for it, besides the key of the identity data: a seller needs
//! no verification, and the record of decisions is kept longer than the identity data. An erasure destroys the key
//! ([`destroy`]). Beside a sealed reason stands what may be in clear ([`ReviewReason::clear_form`]), by which the
//! rules decide, and which is shown if the reason cannot be opened any more.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::id::{DecisionId, SubjectId, UserId};
use crate::domain::reason::ReviewReason;
use crate::domain::review::Decision;
use crate::domain::sealed_text::SealedText;
use crate::domain::verification::Verification;
use crate::media::vault::{DataKey, KeyOwner, VaultError};
use crate::service::{Error, Result, Services, UnitOfWork};
use crate::store::review_texts::DecisionTexts;
use crate::store::{Executor, Transaction, review_keys, review_texts, reviews, users};

/// How many subjects one run of [`seal_old_texts`] seals.
const BATCH_SIZE: u64 = 100;

/// Seals the texts of one transaction. The caller has locked the users whom they are about.
#[derive(Debug)]
pub struct Sealer<'a> {
    services: &'a Services,
    tx: &'a Transaction,
    keys: HashMap<UserId, Arc<DataKey>>,
}

impl<'a> Sealer<'a> {
    pub fn new(services: &'a Services, work: &'a UnitOfWork<'_>) -> Self {
        Self { services, tx: work.tx(), keys: HashMap::new() }
    }

    /// The key of what is written about the user. Generates it if there is none.
    async fn key(&mut self, user_id: UserId) -> Result<Arc<DataKey>> {
        if let Some(key) = self.keys.get(&user_id) {
            return Ok(Arc::clone(key));
        }
        let vault = &self.services.vault;
        let owner = KeyOwner::ReviewTexts(user_id);
        let stored = review_keys::find_all(self.tx, &[user_id]).await?.pop();
        let key = if let Some((_, wrapped)) = stored {
            vault.unwrap(&wrapped, owner)?
        } else {
            let (key, wrapped) = vault.new_data_key(owner)?;
            review_keys::insert(self.tx, user_id, &wrapped).await?;
            key
        };
        let key = Arc::new(key);
        self.keys.insert(user_id, Arc::clone(&key));
        Ok(key)
    }

    /// Seals a text about the user. `context` says what the text is, for example the note of which decision: the text
    /// can only be opened with the same context.
    pub async fn text(&mut self, user_id: UserId, context: &str, text: &str) -> Result<String> {
        let ciphertext = self.key(user_id).await?.encrypt(context, text.as_bytes())?;
        Ok(SealedText { owner_id: user_id, ciphertext }.to_string())
    }

    /// Seals reasons of a decision about this subject of the user. Those that are sealed already stay as they are.
    pub async fn reasons(
        &mut self,
        user_id: UserId,
        subject: SubjectId,
        reasons: Vec<ReviewReason>,
    ) -> Result<Vec<ReviewReason>> {
        let mut sealed = Vec::with_capacity(reasons.len());
        for reason in reasons {
            if reason.sealed.is_some() {
                sealed.push(reason);
                continue;
            }
            let json = serde_json::to_string(&reason).map_err(Error::internal)?;
            let text = self.text(user_id, &reason_context(subject), &json).await?;
            sealed.push(ReviewReason { sealed: Some(text), ..reason.clear_form(subject.kind()) });
        }
        Ok(sealed)
    }

    /// Seals the texts of a decision about the user.
    pub async fn decision(&mut self, user_id: UserId, decision: Decision) -> Result<Decision> {
        let reasons = self.reasons(user_id, decision.subject_id, decision.reasons).await?;
        let internal_note = match decision.internal_note {
            Some(note) => Some(self.text(user_id, &note_context(decision.id), &note).await?),
            None => None,
        };
        Ok(Decision { reasons, internal_note, ..decision })
    }
}

/// The encryption contexts. Stored texts depend on them: do not change them.
fn reason_context(subject: SubjectId) -> String {
    let kind: &str = subject.kind().into();
    format!("review reason about {kind} {}", subject.uuid())
}

fn note_context(decision_id: DecisionId) -> String {
    format!("internal note of decision {decision_id}")
}

/// Stores a decision about the user, sealed. The caller has locked the user.
pub(super) async fn insert_decision(
    services: &Services,
    work: &UnitOfWork<'_>,
    user_id: UserId,
    decision: Decision,
) -> Result<()> {
    let sealed = Sealer::new(services, work).decision(user_id, decision).await?;
    Ok(reviews::insert_sealed_decision(work.tx(), &sealed).await?)
}

/// The reasons of a verification, sealed. The caller has locked the user.
pub(super) async fn seal_reasons_of(
    services: &Services,
    work: &UnitOfWork<'_>,
    verification: &Verification,
) -> Result<Vec<ReviewReason>> {
    let user_id = verification.user_id;
    let subject = SubjectId::Verification(user_id);
    Sealer::new(services, work).reasons(user_id, subject, verification.reasons.clone()).await
}

/// The key of what was written about one user.
#[derive(Debug, Clone)]
pub struct ReviewKey(Arc<DataKey>);

/// The keys of what was written about these users; those who have none are missing. For those who may read it: the
/// caller checks that.
pub async fn find_keys(
    services: &Services,
    db: &impl Executor,
    user_ids: &[UserId],
) -> Result<HashMap<UserId, Result<ReviewKey>>> {
    let unwrap = |(user_id, wrapped)| {
        let key = services.vault.unwrap(&wrapped, KeyOwner::ReviewTexts(user_id));
        (user_id, key.map(|key| ReviewKey(Arc::new(key))).map_err(Error::from))
    };
    Ok(review_keys::find_all(db, user_ids).await?.into_iter().map(unwrap).collect())
}

/// The user with whose key a text is sealed; `None` if it is in clear, as earlier versions stored it.
pub fn owner_of(text: &str) -> Option<UserId> {
    SealedText::parse(text).map(|sealed| sealed.owner_id)
}

impl ReviewKey {
    /// Opens a text that was sealed with the same context ([`Sealer::text`]). A text in clear is returned as it is.
    ///
    /// # Errors
    /// [`Error::Decryption`] if it was altered or moved.
    pub fn open_text(&self, context: &str, text: &str) -> Result<String> {
        let Some(sealed) = SealedText::parse(text) else { return Ok(text.to_owned()) };
        let plain = self.0.decrypt(context, &sealed.ciphertext)?;
        String::from_utf8(plain.to_vec()).map_err(Error::internal)
    }

    /// Opens the internal note of a decision.
    ///
    /// # Errors
    /// Those of [`open_text`](Self::open_text).
    pub fn open_note(&self, decision_id: DecisionId, note: &str) -> Result<String> {
        self.open_text(&note_context(decision_id), note)
    }

    /// Opens a reason of a decision about the subject. One in clear is returned as it is.
    ///
    /// # Errors
    /// Those of [`open_text`](Self::open_text).
    pub fn open_reason(&self, subject: SubjectId, reason: ReviewReason) -> Result<ReviewReason> {
        let Some(sealed) = &reason.sealed else { return Ok(reason) };
        if owner_of(sealed).is_none() {
            return Err(VaultError::Tampered.into());
        }
        let json = self.open_text(&reason_context(subject), sealed)?;
        serde_json::from_str(&json).map_err(Error::internal)
    }
}

/// Opens reasons of decisions about the subject, which belongs to the user. For those who may read them: the caller
/// checks that. After an erasure, they are as they stand in clear.
///
/// # Errors
/// [`Error::Decryption`] if a key is missing, or a text was altered.
pub async fn open_reasons(
    services: &Services,
    db: &impl Executor,
    user_id: UserId,
    subject: SubjectId,
    reasons: Vec<ReviewReason>,
) -> Result<Vec<ReviewReason>> {
    if reasons.iter().all(|reason| reason.sealed.is_none()) {
        return Ok(reasons);
    }
    let key = find_keys(services, db, &[user_id]).await?.remove(&user_id).transpose()?;
    let open = |reason: ReviewReason| match &key {
        Some(key) => key.open_reason(subject, reason),
        None => Ok(ReviewReason { sealed: None, ..reason }),
    };
    reasons.into_iter().map(open).collect()
}

/// Removes what reviewers wrote from the decisions about these subjects of the user. The codes stay sealed, since some
/// of them are confidential. The caller has locked the user.
pub(super) async fn remove_texts(
    services: &Services,
    work: &UnitOfWork<'_>,
    user_id: UserId,
    subjects: &[SubjectId],
) -> Result<()> {
    let mut sealer = Sealer::new(services, work);
    for texts in review_texts::find_of_subjects(work.tx(), subjects).await? {
        let reasons = without_texts(services, work, user_id, texts.subject_id, texts.reasons.clone()).await?;
        let reasons = sealer.reasons(user_id, texts.subject_id, reasons).await?;
        review_texts::replace(work.tx(), &DecisionTexts { reasons, internal_note: None, ..texts }).await?;
    }
    Ok(())
}

/// Opens the reasons, and removes what a reviewer wrote. If they cannot be opened, they are as they stand in clear.
pub(super) async fn without_texts(
    services: &Services,
    work: &UnitOfWork<'_>,
    user_id: UserId,
    subject: SubjectId,
    reasons: Vec<ReviewReason>,
) -> Result<Vec<ReviewReason>> {
    let opened = match open_reasons(services, work.tx(), user_id, subject, reasons.clone()).await {
        Ok(opened) => opened,
        Err(Error::Decryption(error)) => {
            tracing::error!(%user_id, %error, "reasons to erase cannot be opened");
            reasons
        }
        Err(error) => return Err(error),
    };
    Ok(opened.into_iter().map(ReviewReason::without_free_text).collect())
}

/// Removes what reviewers wrote from the decisions about these subjects of a user who is being erased. What stays are
/// the codes of the reasons, in clear: the row of the user does not name anybody any more. The caller has locked the
/// user.
pub(super) async fn leave_codes(
    services: &Services,
    work: &UnitOfWork<'_>,
    user_id: UserId,
    subjects: &[SubjectId],
) -> Result<()> {
    for texts in review_texts::find_of_subjects(work.tx(), subjects).await? {
        let reasons = without_texts(services, work, user_id, texts.subject_id, texts.reasons.clone()).await?;
        review_texts::replace(work.tx(), &DecisionTexts { reasons, internal_note: None, ..texts }).await?;
    }
    Ok(())
}

/// Destroys the key of what was written about a user who is being erased, after the codes of their verification were
/// opened. Those of their gigs must have been opened before ([`leave_codes`]).
pub(super) async fn destroy(services: &Services, work: &UnitOfWork<'_>, user_id: UserId) -> Result<()> {
    let subject = SubjectId::Verification(user_id);
    leave_codes(services, work, user_id, &[subject]).await?;
    let shown = review_texts::find_shown(work.tx(), subject).await?.unwrap_or_default();
    if !shown.is_empty() {
        let reasons = without_texts(services, work, user_id, subject, shown).await?;
        review_texts::replace_shown(work.tx(), subject, &reasons).await?;
    }
    Ok(review_keys::delete(work.tx(), user_id).await?)
}

/// Seals texts that an earlier version has stored in clear: those of up to [`BATCH_SIZE`] subjects at a time. Returns
/// how many it sealed. It can be stopped at any time: what is sealed is not found again.
pub async fn seal_old_texts(services: &Services) -> Result<usize> {
    let found = review_texts::find_in_clear(services.db.read(), BATCH_SIZE).await?;
    let mut sealed = 0;
    for (subject, user_id) in found {
        match seal_old_texts_of(services, subject, user_id).await {
            Ok(()) => sealed += 1,
            Err(error) => tracing::error!(%user_id, %error, "sealing old texts failed"),
        }
    }
    Ok(sealed)
}

async fn seal_old_texts_of(services: &Services, subject: SubjectId, user_id: UserId) -> Result<()> {
    let work = services.begin().await?;
    if users::lock(work.tx(), user_id).await? {
        // Erased since it was found.
        return Ok(());
    }
    let mut sealer = Sealer::new(services, &work);
    for texts in review_texts::find_of_subjects(work.tx(), &[subject]).await? {
        let reasons = sealer.reasons(user_id, subject, texts.reasons.clone()).await?;
        let internal_note = match &texts.internal_note {
            Some(note) if owner_of(note).is_none() => {
                Some(sealer.text(user_id, &note_context(texts.id), note).await?)
            }
            note => note.clone(),
        };
        review_texts::replace(work.tx(), &DecisionTexts { reasons, internal_note, ..texts }).await?;
    }
    if let Some(shown) = review_texts::find_shown(work.tx(), subject).await? {
        let reasons = sealer.reasons(user_id, subject, shown).await?;
        review_texts::replace_shown(work.tx(), subject, &reasons).await?;
    }
    work.commit().await
}
