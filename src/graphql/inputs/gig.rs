//! Inputs for writing gigs.

use async_graphql::{ID, InputObject};
use rust_decimal::Decimal;

use crate::domain::entered::Entered;

/// The content of a draft. Fields that are left out do not change. The limits in the descriptions are
/// defaults; `Query.limits` has the current ones.
#[derive(InputObject)]
pub struct SaveGigDraftInput {
    /// The id of the draft to change. Without it, a new draft is created.
    pub id: Option<ID>,
    /// One line of 1 to 120 characters.
    pub title: String,
    /// At most 2048 characters, possibly in several lines.
    pub description: Option<String>,
    /// The id of a category from `Query.categories`.
    pub category: Option<ID>,
    /// The price in USD with at most two decimals, such as "12.50", from the `minimumPrice` of the category to
    /// `Limits.gig.maximumPrice`. INVALID if it is not a number, REQUIRED if it is empty.
    pub price: Option<Entered<Decimal>>,
    /// The number of days from order to delivery, 1 to 90.
    pub delivery_days: Option<i32>,
    /// The number of times that the buyer may ask for changes, 0 to 20.
    pub revisions: Option<i32>,
    /// At most 15 tags of 1 to 30 characters. They must be unique, ignoring case.
    pub tags: Option<Vec<String>>,
    /// The ids of at most 5 images from `uploadGigImage`, in the order in which they are shown.
    pub image_ids: Option<Vec<ID>>,
    /// At most 5 URLs of public sites that start with https://, of at most 2048 characters each.
    pub links: Option<Vec<String>>,
}

/// The content of a gig that is submitted for review. The limits in the descriptions are defaults;
/// `Query.limits` has the current ones.
#[derive(InputObject)]
pub struct PostGigInput {
    /// The id of the draft to submit. Without it, a new gig is created.
    pub draft_id: Option<ID>,
    /// One line of 10 to 120 characters.
    pub title: String,
    /// 1 to 2048 characters, possibly in several lines.
    pub description: String,
    /// The id of a category from `Query.categories`.
    pub category: ID,
    /// The price in USD with at most two decimals, such as "12.50", from the `minimumPrice` of the category to
    /// `Limits.gig.maximumPrice`. INVALID if it is not a number, REQUIRED if it is empty.
    pub price: Entered<Decimal>,
    /// The number of days from order to delivery, 1 to 90.
    pub delivery_days: i32,
    /// The number of times that the buyer may ask for changes, 0 to 20.
    pub revisions: i32,
    /// At most 15 tags of 1 to 30 characters. They must be unique, ignoring case. Without it, the tags of the
    /// draft.
    pub tags: Option<Vec<String>>,
    /// The ids of at most 5 images from `uploadGigImage`, in the order in which they are shown. Without it,
    /// the images of the draft.
    pub image_ids: Option<Vec<ID>>,
    /// At most 5 URLs of public sites that start with https://, of at most 2048 characters each. Without it, the
    /// links of the draft.
    pub links: Option<Vec<String>>,
}

/// Changes of a gig. Fields that are left out do not change. The limits in the descriptions are defaults;
/// `Query.limits` has the current ones.
#[derive(InputObject)]
pub struct EditGigInput {
    /// The id of the gig.
    pub id: ID,
    /// The version of the gig that the changes are based on. STALE_VERSION if it is not the current one.
    /// Without it, the current version is changed.
    pub expected_version: Option<i32>,
    /// One line of 10 to 120 characters.
    pub title: Option<String>,
    /// 1 to 2048 characters, possibly in several lines.
    pub description: Option<String>,
    /// The id of a category from `Query.categories`.
    pub category: Option<ID>,
    /// The price in USD with at most two decimals, such as "12.50", from the `minimumPrice` of the category to
    /// `Limits.gig.maximumPrice`. INVALID if it is not a number, REQUIRED if it is empty.
    pub price: Option<Entered<Decimal>>,
    /// The number of days from order to delivery, 1 to 90.
    pub delivery_days: Option<i32>,
    /// The number of times that the buyer may ask for changes, 0 to 20.
    pub revisions: Option<i32>,
    /// At most 15 tags of 1 to 30 characters. They must be unique, ignoring case.
    pub tags: Option<Vec<String>>,
    /// The ids of at most 5 images, of the gig or from `uploadGigImage`, in the order in which they are
    /// shown.
    pub image_ids: Option<Vec<ID>>,
    /// At most 5 URLs of public sites that start with https://, of at most 2048 characters each.
    pub links: Option<Vec<String>>,
}
