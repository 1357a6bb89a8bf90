//! A picture of one side of an identity document. The picture itself is a sealed blob.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "identity_document")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    pub r#type: String,
    pub side: String,
    /// A keyed hash of the pixels, to know the same picture again.
    pub picture_hash: Vec<u8>,
    /// Whether it must be uploaded anew.
    pub asked_again: bool,
    pub uploaded_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
