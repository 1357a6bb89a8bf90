//! A gig: a small job that a seller offers.
//!
//! The table has more columns, which only `src/store/gigs/index.rs` reads and writes: those of the search index.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "gig")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub seller_id: Uuid,
    pub category_id: Uuid,
    pub title: String,
    pub description: String,
    pub price_cents: i64,
    pub delivery_days: i32,
    pub revisions: i32,
    /// The tags as the seller wrote them, an array of strings. `gig_tag` is their index.
    pub tags: Json,
    /// An array of https:// URLs.
    pub links: Json,
    pub status: String,
    /// Incremented by every change.
    pub version: i32,
    /// The reasons of the last decision.
    pub review_reasons: Json,
    pub created_at: DateTimeUtc,
    pub submitted_at: Option<DateTimeUtc>,
    /// When the gig first became ACTIVE.
    pub published_at: Option<DateTimeUtc>,
    pub review_due_at: Option<DateTimeUtc>,
    /// Whether the gig was ACTIVE until its seller was blocked.
    pub paused_by_block: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
