//! A reviewer opened the form or a picture of an applicant.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "identity_opening")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub reviewer_id: Uuid,
    /// The user whose data it is.
    pub subject_id: Uuid,
    /// The claimed review item; null if it was an inspection.
    pub item_id: Option<Uuid>,
    /// The picture; null for the form.
    pub document_id: Option<Uuid>,
    pub opened_at: DateTimeUtc,
    /// When the whole picture was sent; null if it was not.
    pub delivered_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
