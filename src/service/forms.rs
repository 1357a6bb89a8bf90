//! Encrypts and decrypts the forms of verifications.
//!
//! A form is encrypted for its user and for the version of the verification in which it was saved. So an older form
//! that is put back into the database cannot be decrypted.

use std::collections::HashMap;

use crate::domain::id::{DataKeyId, UserId};
use crate::domain::personal_info::PersonalInfo;
use crate::media::vault::{DataKey, VaultError};
use crate::service::{Error, Result, Services, data_keys, integrity};
use crate::store;
use crate::store::verifications::{SealedForm, VerificationRecord};
use crate::store::{users, verification_seals, verifications};

/// How many users are read at once.
const BATCH_SIZE: u64 = 100;

/// The encryption context: what is encrypted with it can only be decrypted with it. `version` is `None` for a form that
/// an earlier release has encrypted.
fn context(user_id: UserId, version: Option<i32>) -> String {
    match version {
        Some(version) => format!("personal information of {user_id}, version {version}"),
        None => format!("personal information of {user_id}"),
    }
}

/// Encrypts the form for this version of the verification.
pub(super) fn seal(key: &DataKey, user_id: UserId, version: i32, form: &PersonalInfo) -> Result<SealedForm> {
    let text = serde_json::to_vec(form).map_err(Error::internal)?;
    let version = Some(version);
    Ok(SealedForm { bytes: key.encrypt(&context(user_id, version), &text)?, version })
}

fn unseal(key: &DataKey, user_id: UserId, form: &SealedForm) -> Result<PersonalInfo> {
    let text = key.decrypt(&context(user_id, form.version), &form.bytes)?;
    serde_json::from_slice(&text).map_err(Error::internal)
}

/// Decrypts the form of a record; `None` if there is none.
///
/// # Errors
/// [`Error::Decryption`] if a key is missing or the form was altered.
pub(super) async fn decrypt(
    services: &Services,
    db: &impl store::Executor,
    record: &VerificationRecord,
) -> Result<Option<PersonalInfo>> {
    let user_id = record.verification.user_id;
    decrypt_all(services, db, std::slice::from_ref(record)).await?.remove(&user_id).transpose()
}

/// Decrypts the forms of these records, which need not be locked. A user is missing in the map if there is no form, or
/// it was erased since the record was read.
pub(super) async fn decrypt_all(
    services: &Services,
    db: &impl store::Executor,
    records: &[VerificationRecord],
) -> Result<HashMap<UserId, Result<PersonalInfo>>> {
    let forms = || {
        records.iter().filter_map(|record| {
            let (key, form) = record.key.zip(record.personal_info.as_ref())?;
            Some((record, key, form))
        })
    };
    let owners: Vec<_> = forms().map(|(record, key, _)| (key, record.verification.user_id)).collect();
    let keys = data_keys::open_all(services, db, &owners).await?;
    let mut decrypted = HashMap::new();
    for (record, id, form) in forms() {
        let user_id = record.verification.user_id;
        // An older form could be put back together with its version.
        if !integrity::has_right_tag(services, record) {
            decrypted
                .extend(decrypt_again(services, db, user_id).await.transpose().map(|form| (user_id, form)));
            continue;
        }
        let result = match keys.get(&id) {
            Some(Ok(key)) => unseal(key, user_id, form),
            Some(Err(VaultError::MissingDataKey(_))) | None => {
                // The key is deleted in the transaction that erases the form.
                let current = verifications::find(db, user_id).await?;
                if current.and_then(|record| record.key) != Some(id) {
                    continue;
                }
                Err(VaultError::MissingDataKey(id).into())
            }
            Some(Err(error)) => Err(error.clone().into()),
        };
        decrypted.insert(user_id, result);
    }
    Ok(decrypted)
}

/// Decrypts the form of a verification that was changed while it was read, or past the gateway.
async fn decrypt_again(
    services: &Services,
    db: &impl store::Executor,
    user_id: UserId,
) -> Result<Option<PersonalInfo>> {
    let Some(record) = integrity::find_untampered(services, db, user_id).await? else { return Ok(None) };
    let Some((id, form)) = record.key.zip(record.personal_info.as_ref()) else { return Ok(None) };
    let key = data_keys::open(services, db, id, user_id).await?;
    unseal(&key, user_id, form).map(Some)
}

/// Encrypts the forms of earlier releases again, each for the version of its verification, and returns how many. Can be
/// stopped and run again.
pub(super) async fn reseal_old(services: &Services) -> Result<usize> {
    let (mut last_id, mut resealed, mut last_error) = (UserId::nil(), 0, None);
    loop {
        let page = verification_seals::find_with_old_form(services.db.read(), last_id, BATCH_SIZE).await?;
        let Some(last) = page.last() else { break };
        last_id = *last;
        for user_id in page {
            match reseal(services, user_id).await {
                Ok(is_resealed) => resealed += usize::from(is_resealed),
                Err(error) => {
                    tracing::error!(%user_id, %error, "a form was not encrypted for its version");
                    last_error = Some(error);
                }
            }
        }
    }
    last_error.map_or(Ok(resealed), Err)
}

async fn reseal(services: &Services, user_id: UserId) -> Result<bool> {
    let work = services.begin().await?;
    users::lock(work.tx(), user_id).await?;
    let Some(mut record) = verifications::lock(work.tx(), user_id).await? else { return Ok(false) };
    let (Some(id), Some(SealedForm { version: None, .. })) = (record.key, &record.personal_info) else {
        return Ok(false);
    };
    integrity::require_untampered(services, &record)?;
    let Some(form) = decrypt(services, work.tx(), &record).await? else { return Ok(false) };
    let key = data_keys::open(services, work.tx(), id, user_id).await?;
    let form = seal(&key, user_id, record.verification.version, &form)?;
    verification_seals::replace_form(work.tx(), user_id, form.clone()).await?;
    record.personal_info = Some(form);
    verification_seals::tag(work.tx(), services, &record).await?;
    work.commit().await?;
    Ok(true)
}

/// Decrypts a form that was replaced under a legal hold.
pub(super) async fn open_held(
    services: &Services,
    db: &impl store::Executor,
    user_id: UserId,
    id: DataKeyId,
    form: &SealedForm,
) -> Result<std::result::Result<PersonalInfo, VaultError>> {
    let opened = match data_keys::open(services, db, id, user_id).await {
        Ok(key) => unseal(&key, user_id, form),
        Err(error) => Err(error),
    };
    match opened {
        Ok(form) => Ok(Ok(form)),
        Err(Error::Decryption(error)) => Ok(Err(error)),
        Err(error) => Err(error),
    }
}
