//! Seals what reviewers write about a user, and opens it for those who may read it: notes, and the messages and
//! paths of reasons.
//!
//! Each user about whom something is written has a key for it, besides the key of the identity data: a seller needs
//! no verification, and the record of decisions is kept longer than the identity data. An erasure destroys the key
//! ([`destroy`]). Beside a sealed reason stands what may be in clear ([`ReviewReason::clear_form`]), by which the
//! rules decide, and which is shown if the reason cannot be opened any more.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::id::{DataKeyId, DecisionId, SubjectId, UserId};
use crate::domain::reason::ReviewReason;
use crate::domain::review::Decision;
use crate::domain::sealed_text::SealedText;
use crate::domain::verification::Verification;
use crate::media::vault::{DataKey, VaultError};
use crate::service::{Error, Result, Services, UnitOfWork, data_keys, integrity};
use crate::store::review_keys::StoredReviewKey;
use crate::store::review_texts::DecisionTexts;
use crate::store::{
    Executor, Transaction, review_keys, review_texts, reviews, users, verification_seals, verifications,
};

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
        let key = Arc::new(self.open_or_create_key(user_id).await?);
        self.keys.insert(user_id, Arc::clone(&key));
        Ok(key)
    }

    async fn open_or_create_key(&self, user_id: UserId) -> Result<DataKey> {
        let mut lost = None;
        if let Some(stored) = review_keys::find_all(self.tx, &[user_id]).await?.pop() {
            match data_keys::open(self.services, self.tx, stored.key, user_id).await {
                Err(Error::Decryption(VaultError::MissingDataKey(id))) => lost = Some(id),
                key => return key,
            }
        }
        let (id, key) = data_keys::create(self.services, self.tx, user_id).await?;
        review_keys::put(self.tx, StoredReviewKey { user_id, key: id, lost }).await?;
        Ok(key)
    }

    /// Seals a text about the user. `context` says what the text is, for example the note of which decision: the text
    /// can only be opened with the same context.
    pub async fn text(&mut self, user_id: UserId, context: &str, text: &str) -> Result<String> {
        let ciphertext = self.key(user_id).await?.encrypt(context, text.as_bytes())?;
        Ok(SealedText { owner_id: user_id, ciphertext }.to_string())
    }

    /// Seals reasons about a subject of the user for this place. Those that are sealed already stay as they are.
    pub async fn reasons(
        &mut self,
        user_id: UserId,
        place: impl Into<ReasonPlace>,
        reasons: Vec<ReviewReason>,
    ) -> Result<Vec<ReviewReason>> {
        let place = place.into();
        let (context, kind) = (place.context(), place.subject().kind());
        let mut sealed = Vec::with_capacity(reasons.len());
        for reason in reasons {
            if reason.sealed.is_some() {
                sealed.push(reason);
                continue;
            }
            let json = serde_json::to_string(&reason).map_err(Error::internal)?;
            let text = self.text(user_id, &context, &json).await?;
            sealed.push(ReviewReason { sealed: Some(text), ..reason.clear_form(kind) });
        }
        Ok(sealed)
    }

    /// Seals the texts of a decision about the user.
    pub async fn decision(&mut self, user_id: UserId, decision: Decision) -> Result<Decision> {
        let place = (decision.id, decision.subject_id);
        let reasons = self.reasons(user_id, place, decision.reasons).await?;
        let internal_note = match decision.internal_note {
            Some(note) => {
                Some(self.text(user_id, &note_context(decision.id, decision.subject_id), &note).await?)
            }
            None => None,
        };
        Ok(Decision { reasons, internal_note, ..decision })
    }
}

/// Where reasons stand: what is sealed for one place cannot be opened at another one.
#[derive(Debug, Clone, Copy)]
pub enum ReasonPlace {
    /// In the record of this decision about the subject.
    Record(DecisionId, SubjectId),
    /// At the subject. The tag of a verification says which ones they are now.
    Subject(SubjectId),
}

impl From<SubjectId> for ReasonPlace {
    fn from(subject: SubjectId) -> Self {
        Self::Subject(subject)
    }
}

impl From<(DecisionId, SubjectId)> for ReasonPlace {
    fn from((id, subject): (DecisionId, SubjectId)) -> Self {
        Self::Record(id, subject)
    }
}

/// The encryption contexts. Stored texts depend on them: do not change them.
impl ReasonPlace {
    fn subject(self) -> SubjectId {
        let (Self::Record(_, subject) | Self::Subject(subject)) = self;
        subject
    }

    fn context(self) -> String {
        let subject = self.subject();
        let kind: &str = subject.kind().into();
        let about = format!("about {kind} {}", subject.uuid());
        match self {
            Self::Record(id, _) => format!("review reason of decision {id} {about}"),
            Self::Subject(_) => format!("review reason {about}"),
        }
    }
}

fn note_context(decision_id: DecisionId, subject: SubjectId) -> String {
    let kind: &str = subject.kind().into();
    format!("internal note of decision {decision_id} about {kind} {}", subject.uuid())
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
pub struct ReviewKey {
    key: Arc<DataKey>,
    /// The key of the texts from before, if it was lost.
    lost: Option<DataKeyId>,
}

/// The keys of what was written about these users; those who have none are missing. For those who may read it: the
/// caller checks that.
pub async fn find_keys(
    services: &Services,
    db: &impl Executor,
    user_ids: &[UserId],
) -> Result<HashMap<UserId, Result<ReviewKey>>> {
    let stored = review_keys::find_all(db, user_ids).await?;
    let owners: Vec<_> = stored.iter().map(|stored| (stored.key, stored.user_id)).collect();
    let mut keys = data_keys::open_all(services, db, &owners).await?;
    let open = |stored: StoredReviewKey| {
        let missing = || Err(VaultError::MissingDataKey(stored.key));
        let key = keys.remove(&stored.key).unwrap_or_else(missing);
        let key = key.map(|key| ReviewKey { key: Arc::new(key), lost: stored.lost });
        (stored.user_id, key.map_err(Error::from))
    };
    Ok(stored.into_iter().map(open).collect())
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
        let plain = match (self.key.decrypt(context, &sealed.ciphertext), self.lost) {
            (Err(VaultError::Tampered), Some(lost)) => return Err(VaultError::MissingDataKey(lost).into()),
            (plain, _) => plain?,
        };
        String::from_utf8(plain.to_vec()).map_err(Error::internal)
    }

    /// Opens the internal note of a decision about the subject.
    ///
    /// # Errors
    /// Those of [`open_text`](Self::open_text).
    pub fn open_note(&self, decision_id: DecisionId, subject: SubjectId, note: &str) -> Result<String> {
        self.open_text(&note_context(decision_id, subject), note)
    }

    /// Opens a reason of this place. One in clear is returned as it is.
    ///
    /// # Errors
    /// Those of [`open_text`](Self::open_text).
    pub fn open_reason(&self, place: ReasonPlace, reason: ReviewReason) -> Result<ReviewReason> {
        let Some(sealed) = &reason.sealed else { return Ok(reason) };
        if owner_of(sealed).is_none() {
            return Err(VaultError::Tampered.into());
        }
        let json = self.open_text(&place.context(), sealed)?;
        serde_json::from_str(&json).map_err(Error::internal)
    }
}

/// Opens the reasons of this place, which are about the user. For those who may read them: the caller checks that.
/// After an erasure, they are as they stand in clear.
///
/// # Errors
/// [`Error::Decryption`] if a key is missing, or a text was altered.
pub async fn open_reasons(
    services: &Services,
    db: &impl Executor,
    user_id: UserId,
    place: impl Into<ReasonPlace>,
    reasons: Vec<ReviewReason>,
) -> Result<Vec<ReviewReason>> {
    let place = place.into();
    if reasons.iter().all(|reason| reason.sealed.is_none()) {
        return Ok(reasons);
    }
    let key = find_keys(services, db, &[user_id]).await?.remove(&user_id).transpose()?;
    let open = |reason: ReviewReason| match &key {
        Some(key) => key.open_reason(place, reason),
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
        let place = (texts.id, texts.subject_id);
        let reasons = without_texts(services, work, user_id, place, texts.reasons.clone()).await?;
        let reasons = sealer.reasons(user_id, place, reasons).await?;
        review_texts::replace(work.tx(), &DecisionTexts { reasons, internal_note: None, ..texts }).await?;
    }
    Ok(())
}

/// Opens the reasons, and removes what a reviewer wrote. If they cannot be opened, they are as they stand in clear.
pub(super) async fn without_texts(
    services: &Services,
    work: &UnitOfWork<'_>,
    user_id: UserId,
    place: impl Into<ReasonPlace>,
    reasons: Vec<ReviewReason>,
) -> Result<Vec<ReviewReason>> {
    let opened = match open_reasons(services, work.tx(), user_id, place, reasons.clone()).await {
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
        let place = (texts.id, texts.subject_id);
        let reasons = without_texts(services, work, user_id, place, texts.reasons.clone()).await?;
        review_texts::replace(work.tx(), &DecisionTexts { reasons, internal_note: None, ..texts }).await?;
    }
    Ok(())
}

/// Discards the key of what was written about a user who is being erased, after the codes of their verification were
/// opened. Those of their gigs must have been opened before ([`leave_codes`]).
pub(super) async fn destroy(services: &Services, work: &UnitOfWork<'_>, user_id: UserId) -> Result<()> {
    let subject = SubjectId::Verification(user_id);
    leave_codes(services, work, user_id, &[subject]).await?;
    let shown = review_texts::find_shown(work.tx(), subject).await?.unwrap_or_default();
    if !shown.is_empty() {
        let reasons = without_texts(services, work, user_id, subject, shown).await?;
        replace_shown(services, work, subject, reasons).await?;
    }
    let keys = review_keys::find_all(work.tx(), &[user_id]).await?;
    review_keys::delete(work.tx(), user_id).await?;
    data_keys::discard(services, work, &keys.iter().map(|stored| stored.key).collect::<Vec<_>>()).await
}

/// Replaces the reasons that a subject shows. The tag of a verification stays as right or as wrong as it was.
async fn replace_shown(
    services: &Services,
    work: &UnitOfWork<'_>,
    subject: SubjectId,
    reasons: Vec<ReviewReason>,
) -> Result<()> {
    let before = match subject {
        SubjectId::Verification(user_id) => verifications::lock(work.tx(), user_id).await?,
        SubjectId::Gig(_) => None,
    };
    review_texts::replace_shown(work.tx(), subject, &reasons).await?;
    if let Some(mut record) = before
        && integrity::has_right_tag(services, &record)
    {
        record.verification.reasons = reasons;
        verification_seals::tag(work.tx(), services, &record).await?;
    }
    Ok(())
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
        let reasons = sealer.reasons(user_id, (texts.id, subject), texts.reasons.clone()).await?;
        let internal_note = match &texts.internal_note {
            Some(note) if owner_of(note).is_none() => {
                Some(sealer.text(user_id, &note_context(texts.id, subject), note).await?)
            }
            note => note.clone(),
        };
        review_texts::replace(work.tx(), &DecisionTexts { reasons, internal_note, ..texts }).await?;
    }
    if let Some(shown) = review_texts::find_shown(work.tx(), subject).await? {
        let reasons = sealer.reasons(user_id, subject, shown).await?;
        replace_shown(services, &work, subject, reasons).await?;
    }
    work.commit().await
}
