//! Reads that decide what the viewer may do. They check no permissions: their results are not shown, but only
//! compared.

use async_graphql::dataloader;

use crate::domain::id::{SubjectId, UserId};
use crate::domain::permission::Standing;
use crate::domain::review::ReviewItem;
use crate::graphql::error::Error;
use crate::graphql::loaders::{LoadResult, Loader};
use crate::store::{reviews, users};

/// A user, with what may keep them from working.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StandingOf(pub UserId);

/// The undecided review item of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UndecidedItemOf(pub SubjectId);

impl dataloader::Loader<StandingOf> for Loader {
    type Value = Standing;
    type Error = Error;

    async fn load(&self, keys: &[StandingOf]) -> LoadResult<StandingOf, Standing> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let standings = users::find_standings(&self.db, &*self.services, &ids).await?;
        Ok(standings.into_iter().map(|standing| (StandingOf(standing.user.id), standing)).collect())
    }
}

impl dataloader::Loader<UndecidedItemOf> for Loader {
    type Value = ReviewItem;
    type Error = Error;

    async fn load(&self, keys: &[UndecidedItemOf]) -> LoadResult<UndecidedItemOf, ReviewItem> {
        let subjects: Vec<_> = keys.iter().map(|key| key.0).collect();
        let items = reviews::find_undecided(&self.db, &subjects).await?;
        Ok(items.into_iter().map(|item| (UndecidedItemOf(item.subject_id), item)).collect())
    }
}
