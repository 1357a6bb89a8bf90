//! What recognizes the picture of a side of an identity document, and what it is compared with others by.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "picture_signature")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub document_id: Uuid,
    pub user_id: Uuid,
    /// The perceptual hash, encrypted with a key of the installation.
    pub hash: Vec<u8>,
    /// The grey cells, encrypted with a key of the installation.
    pub cells: Vec<u8>,
    /// A small copy of the picture, encrypted with the data key of the user.
    pub preview: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
