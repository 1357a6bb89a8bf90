//! The claims of a reviewer.

use chrono::{DateTime, Utc};
use entity::review_item;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter};

use crate::domain::id::{ReviewItemId, UserId};
use crate::store::Result;

/// How many undecided items other than `item` the reviewer has claimed.
pub async fn count_others(
    tx: &impl ConnectionTrait,
    reviewer: UserId,
    item: ReviewItemId,
    now: DateTime<Utc>,
) -> Result<u64> {
    review_item::Entity::find()
        .filter(review_item::Column::ClaimedBy.eq(reviewer))
        .filter(review_item::Column::DecidedAt.is_null())
        .filter(review_item::Column::ClaimExpiresAt.gt(now))
        .filter(review_item::Column::Id.ne(item))
        .count(tx)
        .await
}
