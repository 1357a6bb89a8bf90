//! Reads of what people have agreed to.

use std::collections::HashMap;

use async_graphql::dataloader;

use crate::domain::id::UserId;
use crate::domain::rights::Consent;
use crate::graphql::error::Error;
use crate::graphql::loaders::{LoadResult, Loader};
use crate::store::consents;

/// The newest consent of a user, without a check of permissions: whoever sees the verification sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConsentOf(pub UserId);

impl dataloader::Loader<ConsentOf> for Loader {
    type Value = Consent;
    type Error = Error;

    async fn load(&self, keys: &[ConsentOf]) -> LoadResult<ConsentOf, Consent> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        // Of several, the last one stays: the newest.
        let consents = consents::find_all(&self.db, &ids).await?.into_iter();
        Ok(consents.map(|consent| (ConsentOf(consent.user_id), consent)).collect::<HashMap<_, _>>())
    }
}
