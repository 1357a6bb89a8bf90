//! A blob that no row refers to: it is being written, or must be deleted.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "unreferenced_blob")]
pub struct Model {
    /// The id of the gig image or identity document.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// GIG_IMAGE or IDENTITY_DOCUMENT.
    pub kind: String,
    pub owner_id: Uuid,
    /// From then on the blob is deleted.
    pub delete_after: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
