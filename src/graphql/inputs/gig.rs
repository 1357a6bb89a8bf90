//! What a seller writes of a gig.

use async_graphql::{ID, InputObject};

use crate::graphql::types::scalar::Decimal;

/// What a seller has written so far. What is left out stays as it was.
#[derive(InputObject)]
pub struct SaveGigDraftInput {
    /// The draft to go on with; left out, a new one is made.
    pub id: Option<ID>,
    /// 1 to 120 characters.
    pub title: String,
    /// At most 2048 characters.
    pub description: Option<String>,
    /// From `Query.categories`.
    pub category: Option<ID>,
    /// From the category's `minimumPrice` to `limits.gig.maximumPrice`, in whole cents.
    pub price: Option<Decimal>,
    /// 1 to 90.
    pub delivery_days: Option<i32>,
    /// 0 to 20.
    pub revisions: Option<i32>,
    /// At most 15, of 2 to 30 characters, unique ignoring case.
    pub tags: Option<Vec<String>>,
    /// At most 5 pictures from `uploadGigImage`, in the order to be shown.
    pub image_ids: Option<Vec<ID>>,
    /// At most 5 addresses that begin with https://, of at most 2048 characters.
    pub links: Option<Vec<String>>,
}

/// A whole gig, to be sent for approval.
#[derive(InputObject)]
pub struct PostGigInput {
    /// The draft that becomes this gig; left out, a new gig is made.
    pub draft_id: Option<ID>,
    /// One line, 10 to 120 characters.
    pub title: String,
    /// 1 to 2048 characters.
    pub description: String,
    /// From `Query.categories`.
    pub category: ID,
    /// From the category's `minimumPrice` to `limits.gig.maximumPrice`, in whole cents.
    pub price: Decimal,
    /// 1 to 90.
    pub delivery_days: i32,
    /// 0 to 20.
    pub revisions: i32,
    /// At most 15, of 2 to 30 characters, unique ignoring case; left out, the draft's.
    pub tags: Option<Vec<String>>,
    /// At most 5 pictures from `uploadGigImage`, in the order to be shown; left out, the draft's.
    pub image_ids: Option<Vec<ID>>,
    /// At most 5 addresses that begin with https://, of at most 2048 characters; left out, the draft's.
    pub links: Option<Vec<String>>,
}

/// Changes of a gig. What is left out stays as it was.
#[derive(InputObject)]
pub struct EditGigInput {
    /// The gig.
    pub id: ID,
    /// The version that the changes were made to; where it is not the newest any more, the answer is
    /// STALE_VERSION. Left out, the newest is changed.
    pub expected_version: Option<i32>,
    /// One line, 10 to 120 characters.
    pub title: Option<String>,
    /// 1 to 2048 characters.
    pub description: Option<String>,
    /// From `Query.categories`.
    pub category: Option<ID>,
    /// From the category's `minimumPrice` to `limits.gig.maximumPrice`, in whole cents.
    pub price: Option<Decimal>,
    /// 1 to 90.
    pub delivery_days: Option<i32>,
    /// 0 to 20.
    pub revisions: Option<i32>,
    /// At most 15, of 2 to 30 characters, unique ignoring case.
    pub tags: Option<Vec<String>>,
    /// At most 5 pictures, in the order to be shown.
    pub image_ids: Option<Vec<ID>>,
    /// At most 5 addresses that begin with https://, of at most 2048 characters.
    pub links: Option<Vec<String>>,
}
