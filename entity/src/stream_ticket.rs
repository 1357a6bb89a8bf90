//! A stream ticket that was used. Deleted when the ticket has expired.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stream_ticket")]
pub struct Model {
    /// The id in the ticket (`jti`).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// A hash of the only operation that the ticket may open.
    pub fingerprint: Vec<u8>,
    /// The stream that is open; null if none is.
    pub stream_id: Option<Uuid>,
    /// When the ticket expires.
    pub expires_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
