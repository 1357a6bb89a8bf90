//! The flags of review items, for reviewers.

use std::collections::HashMap;

use async_graphql::dataloader;

use crate::domain::flag::Flag;
use crate::domain::id::ReviewItemId;
use crate::graphql::error::Error;
use crate::graphql::loaders::{LoadResult, Loader};
use crate::store::flags;

/// What the record says about the submission of a review item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlagsOf(pub ReviewItemId);

impl dataloader::Loader<FlagsOf> for Loader {
    type Value = Vec<Flag>;
    type Error = Error;

    /// Leaves out what is about the viewer: a reviewer who is an applicant, too, must not learn of their own flags.
    async fn load(&self, keys: &[FlagsOf]) -> LoadResult<FlagsOf, Vec<Flag>> {
        let Some(viewer) = self.viewer.as_ref().filter(|viewer| viewer.role.can_review()) else {
            return Ok(HashMap::new());
        };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let mut by_item = flags::of_items(&self.db, &ids).await?;
        let related = by_item.values().flatten().flat_map(|flag| flag.related.iter().copied());
        let named: Vec<_> = related.chain(by_item.keys().copied()).collect();
        if !named.is_empty() {
            let own = flags::items_about(&self.db, &named, viewer.id()).await?;
            by_item.retain(|item, _| !own.contains(item));
            for flags in by_item.values_mut() {
                flags.retain_mut(|flag| {
                    let count = flag.related.len();
                    flag.related.retain(|item| !own.contains(item));
                    count == 0 || !flag.related.is_empty()
                });
            }
        }
        Ok(by_item.into_iter().map(|(id, flags)| (FlagsOf(id), flags)).collect())
    }
}
