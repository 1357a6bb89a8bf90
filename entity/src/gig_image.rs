//! An image of a gig, or an uploaded image that no gig uses yet.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "gig_image")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub owner_id: Uuid,
    pub gig_id: Option<Uuid>,
    /// The position among the images of the gig, from 0.
    pub ordinal: i32,
    /// Pixels.
    pub width: i32,
    /// Pixels.
    pub height: i32,
    pub byte_size: i32,
    pub alt_text: Option<String>,
    /// A thumbhash in base64; null until it is made.
    pub placeholder: Option<String>,
    /// The version of the smaller copies; null until they are made, or if one is lost; 0 if they cannot be made.
    pub variants_version: Option<i32>,
    pub created_at: DateTimeUtc,
    /// Since when no gig uses the image; null while one does. It is deleted after a day.
    pub unattached_since: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
