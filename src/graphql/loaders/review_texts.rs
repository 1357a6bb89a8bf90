//! Opens what reviewers wrote. The keys of all users that a request needs are read by one statement.

use std::collections::HashMap;

use async_graphql::{Context, dataloader};

use crate::domain::id::{DecisionId, SubjectId, UserId};
use crate::domain::reason::ReviewReason;
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Error, Result};
use crate::graphql::loaders::Loader;
use crate::service::review_texts::{ReasonPlace, ReviewKey, find_keys, owner_of};

/// The key of what was written about a user. It is missing after an erasure. Nobody sees the key; resolvers open texts
/// only for those who may read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReviewKeyOf(pub UserId);

impl dataloader::Loader<ReviewKeyOf> for Loader {
    type Value = Result<ReviewKey>;
    type Error = Error;

    async fn load(&self, keys: &[ReviewKeyOf]) -> Result<HashMap<ReviewKeyOf, Result<ReviewKey>>> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = find_keys(&self.services, &self.db, &ids).await?;
        Ok(found.into_iter().map(|(id, key)| (ReviewKeyOf(id), key.map_err(Error::from))).collect())
    }
}

/// Opens the reasons of this place, for a viewer who may read them. After an erasure, they are as they stand in clear.
///
/// # Errors
/// DATA_TAMPERED if one was altered or moved, KEY_MISSING if this gateway lacks the key of the installation.
pub async fn open_reasons(
    ctx: &Context<'_>,
    place: impl Into<ReasonPlace>,
    reasons: Vec<ReviewReason>,
) -> Result<Vec<ReviewReason>> {
    let place = place.into();
    // All of them are about the same user.
    let sealed = reasons.iter().find_map(|reason| reason.sealed.as_deref());
    let Some(owner_id) = sealed.and_then(owner_of) else { return Ok(reasons) };
    let key = ctx.loader().load_one(ReviewKeyOf(owner_id)).await?.transpose()?;
    let open = |reason: ReviewReason| match &key {
        Some(key) => key.open_reason(place, reason).map_err(Error::from),
        None => Ok(ReviewReason { sealed: None, ..reason }),
    };
    reasons.into_iter().map(open).collect()
}

/// Opens the internal note of a decision about the subject, for a reviewer. `None` if there is none, or it was erased.
///
/// # Errors
/// Those of [`open_reasons`].
pub async fn open_note(
    ctx: &Context<'_>,
    decision_id: DecisionId,
    subject: SubjectId,
    note: Option<&str>,
) -> Result<Option<String>> {
    let Some(note) = note else { return Ok(None) };
    let Some(owner_id) = owner_of(note) else { return Ok(Some(note.to_owned())) };
    let key = ctx.loader().load_one(ReviewKeyOf(owner_id)).await?.transpose()?;
    Ok(key.map(|key| key.open_note(decision_id, subject, note)).transpose()?)
}
