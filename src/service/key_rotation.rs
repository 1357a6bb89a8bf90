//! Wraps every data key by the newest key of the installation, so that an older one can be put away.
//!
//! No data are touched, and nobody waits: each data key is wrapped anew by itself, where it is still the one that was
//! read. It can be stopped at any moment and run again, beside gateways that serve.

use uuid::Uuid;

use crate::service::{Result, Services};
use crate::store::data_keys;

/// Keys read at once.
const PAGE: u64 = 100;

/// How many data keys are still wrapped by an older key.
///
/// # Errors
/// Where the database is away.
pub async fn remaining(services: &Services) -> Result<u64> {
    Ok(data_keys::count_wrapped_by_others(services.db.read(), services.vault.newest()).await?)
}

/// Wraps all of them anew, and tells `done` of each.
///
/// # Errors
/// Where the database is away; once all were tried, where a key is missing or a wrapped key has been altered.
pub async fn rotate(services: &Services, done: impl Fn()) -> Result<()> {
    let (mut last, mut failed) = (Uuid::nil(), None);
    loop {
        let newest = services.vault.newest();
        let page = data_keys::wrapped_by_others(services.db.read(), newest, last, PAGE).await?;
        let Some((user_id, _)) = page.last() else { break };
        last = *user_id;
        for (user_id, old) in page {
            let new = match services.vault.rewrap(&old, user_id) {
                Ok(new) => new,
                Err(error) => {
                    tracing::error!(%user_id, %error, "a data key cannot be wrapped anew");
                    failed = Some(error);
                    continue;
                }
            };
            let work = services.begin().await?;
            // Erased meanwhile, or wrapped anew by another run: there is nothing left to do.
            data_keys::replace_key(work.tx(), user_id, &old, &new).await?;
            work.commit().await?;
            done();
        }
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// The ids of keys that data are sealed by, and that this installation does not have.
pub async fn missing_keys(services: &Services) -> Vec<String> {
    let used = data_keys::key_ids(services.db.read()).await.unwrap_or_default();
    used.into_iter().filter(|id| !services.vault.has(id)).collect()
}
