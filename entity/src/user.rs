//! A user account.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// As the user wrote it.
    pub email: String,
    /// The normalized email address, which is unique.
    pub email_key: String,
    pub display_name: String,
    /// argon2id, in PHC string form.
    pub password_hash: String,
    pub role: String,
    /// Worker points, which determine the level.
    pub points: i64,
    /// Since when the identity is verified; null if it is not.
    pub verified_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    /// While this is set, no data of the user may be erased.
    pub legal_hold: bool,
    /// When the account was erased.
    pub erased_at: Option<DateTimeUtc>,
    /// Since when the user is blocked; null if they are not.
    pub blocked_at: Option<DateTimeUtc>,
    /// The keyed tag of `role` and `verified_at`.
    pub authority_tag: Option<Vec<u8>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
