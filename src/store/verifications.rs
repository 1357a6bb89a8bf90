//! Identity verifications and the records of their documents. Personal data arrives here encrypted by the
//! vault.

use chrono::{DateTime, Utc};
use entity::{identity_document, verification};
use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};

use crate::domain::authority::Tags;
use crate::domain::id::{DataKeyId, DecisionId, DocumentId, UserId};
use crate::domain::picture_quality::PictureQuality;
use crate::domain::verification::{IdentityDocument, Verification};
use crate::store::{Result, from_json, parse, to_json};

/// Key of the PostgreSQL advisory lock for submissions. If two submissions have the same document, the lock
/// makes sure that the second one sees the first.
const SUBMISSION_LOCK: i64 = 0x6769_6777_6179_0003;

/// A verification with its encrypted personal data.
#[derive(Debug, Clone)]
pub struct VerificationRecord {
    pub verification: Verification,
    /// The data key of the form; `None` before the user has started, and after the data was erased.
    pub key: Option<DataKeyId>,
    /// The personal information, encrypted.
    pub personal_info: Option<SealedForm>,
    /// A keyed hash of the document's type, country and number, from the submission on.
    pub identity_hash: Option<Vec<u8>>,
    /// The decision that waits for a second reviewer. It may have expired.
    pub proposal_id: Option<DecisionId>,
    /// The tag of the state that was read.
    pub state_tag: Option<Vec<u8>>,
    /// The text that this tag must be of; empty if nothing was read.
    pub state_text: String,
}

/// A form, encrypted for one version of the verification.
#[derive(Debug, Clone)]
pub struct SealedForm {
    pub bytes: Vec<u8>,
    /// `None` if an earlier release has encrypted it, for the user only.
    pub version: Option<i32>,
}

impl VerificationRecord {
    /// The data keys that encrypt nothing but images.
    pub fn picture_keys(&self) -> Vec<DataKeyId> {
        let keys = self.verification.documents.iter().filter_map(|document| document.key);
        let mut keys: Vec<_> = keys.filter(|key| Some(*key) != self.key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The data key that encrypts the image of a document; `None` if there is no such document.
    pub fn key_of(&self, id: DocumentId) -> Option<DataKeyId> {
        let document = self.verification.documents.iter().find(|document| document.id == id)?;
        // An earlier version has encrypted it with the key of the form.
        document.key.or(self.key)
    }

    /// All data keys of the user.
    pub fn all_keys(&self) -> Vec<DataKeyId> {
        self.picture_keys().into_iter().chain(self.key).collect()
    }

    /// The record of a user who has not started.
    pub fn not_started(user_id: UserId) -> Self {
        let verification = Verification::not_started(user_id);
        Self {
            verification,
            key: None,
            personal_info: None,
            identity_hash: None,
            proposal_id: None,
            state_tag: None,
            state_text: String::new(),
        }
    }

    /// The text of the state that is tagged. Stored tags depend on it: do not change it.
    pub fn tagged_text(&self) -> String {
        let verification = &self.verification;
        let (user_id, version) = (verification.user_id, verification.version);
        let (status, attempts): (&str, _) = (verification.status.into(), verification.attempts_used);
        let form = self.personal_info.as_ref().map(|form| form.version);
        let mut documents: Vec<_> = verification.documents.iter().map(|document| document.id).collect();
        documents.sort_unstable();
        let documents: Vec<_> = documents.iter().map(DocumentId::to_string).collect();
        let reasons = verification.reasons.iter();
        let reasons: Vec<_> =
            reasons.map(|reason| reason.sealed.as_deref().unwrap_or(&reason.code)).collect();
        format!(
            "verification {user_id}: version {version}, {status}, attempts {attempts}, form {form:?}, documents {}, \
             reasons {}",
            documents.join(" "),
            reasons.join(" ")
        )
    }
}

fn from_rows(
    row: verification::Model,
    documents: Vec<identity_document::Model>,
) -> Result<VerificationRecord> {
    let verification = Verification {
        user_id: UserId::from_uuid(row.user_id),
        status: parse("verification status", &row.status)?,
        version: row.version,
        attempts_used: row.attempts_used,
        personal_info_at: row.personal_info_at,
        needs_personal_info_resubmission: row.personal_info_asked,
        document_type: row.document_type.as_deref().map(|text| parse("document type", text)).transpose()?,
        documents: documents.into_iter().map(document_from_row).collect::<Result<_>>()?,
        reasons: from_json("verification.reasons", row.reasons)?,
        submitted_at: row.submitted_at,
        review_due_at: row.review_due_at,
        decided_at: row.decided_at,
        cleared_at: row.cleared_at,
        erased_at: row.erased_at,
    };
    let sealed_version = row.personal_info_version;
    let mut record = VerificationRecord {
        verification,
        key: row.data_key_id.map(DataKeyId::from_uuid),
        personal_info: row.personal_info.map(|bytes| SealedForm { bytes, version: sealed_version }),
        identity_hash: row.identity_hash,
        proposal_id: row.proposal_id.map(DecisionId::from_uuid),
        state_tag: row.state_tag,
        state_text: String::new(),
    };
    record.state_text = record.tagged_text();
    Ok(record)
}

fn document_from_row(row: identity_document::Model) -> Result<IdentityDocument> {
    Ok(IdentityDocument {
        id: DocumentId::from_uuid(row.id),
        user_id: UserId::from_uuid(row.user_id),
        document_type: parse("document type", &row.r#type)?,
        side: parse("document side", &row.side)?,
        image_hash: row.picture_hash,
        needs_resubmission: row.asked_again,
        uploaded_at: row.uploaded_at,
        quality: quality(row.sharpness, row.glare_permille, row.brightness_permille),
        key: row.data_key_id.map(DataKeyId::from_uuid),
    })
}

fn quality(sharpness: Option<i32>, glare: Option<i32>, brightness: Option<i32>) -> Option<PictureQuality> {
    let ((sharpness, glare_permille), brightness_permille) = sharpness.zip(glare).zip(brightness)?;
    Some(PictureQuality { sharpness, glare_permille, brightness_permille })
}

fn to_row(record: &VerificationRecord, now: DateTime<Utc>) -> Result<verification::Model> {
    let verification = &record.verification;
    let status: &str = verification.status.into();
    let text = |text: &'static str| text.to_owned();
    Ok(verification::Model {
        user_id: verification.user_id.uuid(),
        status: status.to_owned(),
        version: verification.version,
        attempts_used: verification.attempts_used,
        key_id: None,
        wrapped_key: None,
        data_key_id: record.key.map(DataKeyId::uuid),
        personal_info: record.personal_info.as_ref().map(|form| form.bytes.clone()),
        personal_info_version: record.personal_info.as_ref().and_then(|form| form.version),
        personal_info_at: verification.personal_info_at,
        personal_info_asked: verification.needs_personal_info_resubmission,
        document_type: verification.document_type.map(|kind| text(kind.into())),
        identity_hash: record.identity_hash.clone(),
        reasons: to_json(&verification.reasons)?,
        submitted_at: verification.submitted_at,
        review_due_at: verification.review_due_at,
        decided_at: verification.decided_at,
        cleared_at: verification.cleared_at,
        proposal_id: record.proposal_id.map(DecisionId::uuid),
        changed_at: now,
        erased_at: verification.erased_at,
        state_tag: None,
    })
}

pub async fn find(db: &impl ConnectionTrait, user_id: UserId) -> Result<Option<VerificationRecord>> {
    Ok(find_all(db, &[user_id]).await?.pop())
}

/// The records of those users who have started, in no particular order.
pub async fn find_all(db: &impl ConnectionTrait, user_ids: &[UserId]) -> Result<Vec<VerificationRecord>> {
    let ids = || user_ids.iter().copied();
    let rows = verification::Entity::find().filter(verification::Column::UserId.is_in(ids())).all(db).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut documents = identity_document::Entity::find()
        .filter(identity_document::Column::UserId.is_in(ids()))
        .order_by_asc(identity_document::Column::UploadedAt)
        .all(db)
        .await?;
    rows.into_iter()
        .map(|row| {
            let own = documents.extract_if(.., |document| document.user_id == row.user_id).collect();
            from_rows(row, own)
        })
        .collect()
}

/// Whether anybody has a verification.
pub async fn exist(db: &impl ConnectionTrait) -> Result<bool> {
    Ok(verification::Entity::find().limit(1).one(db).await?.is_some())
}

/// Locks and returns the user's verification. The row lock lasts until the transaction ends.
pub async fn lock(tx: &impl ConnectionTrait, user_id: UserId) -> Result<Option<VerificationRecord>> {
    let select = verification::Entity::find_by_id(user_id).lock(LockType::NoKeyUpdate);
    let Some(row) = select.one(tx).await? else { return Ok(None) };
    let documents = identity_document::Entity::find()
        .filter(identity_document::Column::UserId.eq(user_id))
        .order_by_asc(identity_document::Column::UploadedAt)
        .all(tx)
        .await?;
    from_rows(row, documents).map(Some)
}

/// Inserts version 1 of a verification, or replaces the previous version, together with the records of its
/// documents. Returns `false` if a concurrent change has replaced the previous version already.
pub async fn write(
    tx: &impl ConnectionTrait,
    tags: &impl Tags,
    record: &VerificationRecord,
    now: DateTime<Utc>,
) -> Result<bool> {
    let state_tag = Some(tags.tag(&record.tagged_text()));
    let row = verification::Model { state_tag, ..to_row(record, now)? }.into_active_model();
    let (user_id, version) = (record.verification.user_id, record.verification.version);
    if version == 1 {
        verification::Entity::insert(row).exec_without_returning(tx).await?;
    } else {
        let updated = verification::Entity::update_many()
            .set(row.reset_all())
            .filter(verification::Column::UserId.eq(user_id))
            .filter(verification::Column::Version.eq(version - 1))
            .exec(tx)
            .await?;
        if updated.rows_affected != 1 {
            return Ok(false);
        }
    }
    identity_document::Entity::delete_many()
        .filter(identity_document::Column::UserId.eq(user_id))
        .exec(tx)
        .await?;
    let documents = &record.verification.documents;
    if !documents.is_empty() {
        let rows = documents.iter().map(document_to_row);
        identity_document::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(true)
}

fn document_to_row(document: &IdentityDocument) -> identity_document::ActiveModel {
    let (kind, side): (&str, &str) = (document.document_type.into(), document.side.into());
    identity_document::ActiveModel {
        id: Set(document.id.uuid()),
        user_id: Set(document.user_id.uuid()),
        r#type: Set(kind.to_owned()),
        side: Set(side.to_owned()),
        picture_hash: Set(document.image_hash.clone()),
        asked_again: Set(document.needs_resubmission),
        uploaded_at: Set(document.uploaded_at),
        sharpness: Set(document.quality.map(|quality| quality.sharpness)),
        glare_permille: Set(document.quality.map(|quality| quality.glare_permille)),
        brightness_permille: Set(document.quality.map(|quality| quality.brightness_permille)),
        data_key_id: Set(document.key.map(DataKeyId::uuid)),
    }
}

/// Sets the decision that waits for a second reviewer. The version of the verification stays.
pub async fn set_proposal(
    tx: &impl ConnectionTrait,
    user_id: UserId,
    proposal_id: Option<DecisionId>,
) -> Result<()> {
    verification::Entity::update_many()
        .col_expr(verification::Column::ProposalId, Expr::value(proposal_id))
        .filter(verification::Column::UserId.eq(user_id))
        .exec(tx)
        .await?;
    Ok(())
}

/// The record of an identity document.
pub async fn find_document(db: &impl ConnectionTrait, id: DocumentId) -> Result<Option<IdentityDocument>> {
    identity_document::Entity::find_by_id(id).one(db).await?.map(document_from_row).transpose()
}

/// Those of the identity documents that exist, in no particular order. With `owner`, only that user's.
pub async fn find_documents(
    db: &impl ConnectionTrait,
    ids: &[DocumentId],
    owner: Option<UserId>,
) -> Result<Vec<IdentityDocument>> {
    let rows = identity_document::Entity::find()
        .filter(identity_document::Column::Id.is_in(ids.iter().copied()))
        .filter(Condition::all().add_option(owner.map(|owner| identity_document::Column::UserId.eq(owner))))
        .all(db)
        .await?;
    rows.into_iter().map(document_from_row).collect()
}

/// Lets only one transaction at a time check for a duplicate document and submit. (SQLite has one writer at a
/// time anyway.)
pub async fn lock_submissions(tx: &impl ConnectionTrait) -> Result<()> {
    if tx.get_database_backend() == DbBackend::Postgres {
        tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({SUBMISSION_LOCK})")).await?;
    }
    Ok(())
}
