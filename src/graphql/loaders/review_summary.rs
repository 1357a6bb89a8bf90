//! Reads of `ReviewSummary`. The root fields check that the viewer is a reviewer.

use std::collections::HashMap;

use async_graphql::dataloader;

use crate::domain::review_kind::ReviewKind;
use crate::domain::review_summary::{DECISION_TIME_WINDOW, QueueCounts, median_minutes};
use crate::graphql::error::Error;
use crate::graphql::loaders::{LoadResult, Loader};
use crate::store::reviews::summary;

/// The counts of the queue of one kind or, without one, of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CountsOfQueue(pub Option<ReviewKind>);

/// The median time of recent decisions of one kind or, without one, of both. Missing if there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MedianDecisionMinutes(pub Option<ReviewKind>);

impl dataloader::Loader<CountsOfQueue> for Loader {
    type Value = QueueCounts;
    type Error = Error;

    async fn load(&self, keys: &[CountsOfQueue]) -> LoadResult<CountsOfQueue, QueueCounts> {
        let by_kind = summary::counts(&self.db, self.services.now()).await?;
        let counts = |key: &CountsOfQueue| {
            let selected = by_kind.iter().filter(|(kind, _)| key.0.is_none_or(|only| only == **kind));
            selected.map(|(_, counts)| *counts).fold(QueueCounts::default(), QueueCounts::plus)
        };
        Ok(keys.iter().map(|key| (*key, counts(key))).collect())
    }
}

impl dataloader::Loader<MedianDecisionMinutes> for Loader {
    type Value = i64;
    type Error = Error;

    async fn load(&self, keys: &[MedianDecisionMinutes]) -> LoadResult<MedianDecisionMinutes, i64> {
        let since = self.services.now() - DECISION_TIME_WINDOW;
        let decisions = summary::recent_decisions(&self.db, since).await?;
        let mut medians = HashMap::new();
        for key in keys {
            let selected = decisions.iter().filter(|(kind, _)| key.0.is_none_or(|only| only == *kind));
            if let Some(median) = median_minutes(selected.map(|(_, time)| *time).collect()) {
                medians.insert(*key, median);
            }
        }
        Ok(medians)
    }
}
