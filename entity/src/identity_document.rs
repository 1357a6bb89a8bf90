//! The record of an image of one side of an identity document. The image is an encrypted blob.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "identity_document")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    pub r#type: String,
    pub side: String,
    /// A keyed hash of the re-encoded image, to recognize the same image.
    pub picture_hash: Vec<u8>,
    /// Whether a reviewer asked to upload it again.
    pub asked_again: bool,
    pub uploaded_at: DateTimeUtc,
    /// What was measured in the picture; null if an earlier version has stored it.
    pub sharpness: Option<i32>,
    pub glare_permille: Option<i32>,
    pub brightness_permille: Option<i32>,
    /// The data key that encrypts the image.
    pub data_key_id: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
