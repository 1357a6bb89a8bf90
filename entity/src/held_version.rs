//! What a person under a legal hold has replaced or deleted.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "held_version")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    pub kind: String,
    /// The gig, the image or the identity document; of a form, the user.
    pub subject_id: Uuid,
    /// The version that the form is encrypted for.
    pub version: Option<i32>,
    /// The data key of what is encrypted.
    pub data_key_id: Option<Uuid>,
    /// The encrypted form.
    pub sealed: Option<Vec<u8>>,
    /// What is not encrypted.
    pub content: Json,
    pub replaced_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
