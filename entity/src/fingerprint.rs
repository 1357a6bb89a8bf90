//! What recognizes a document number or a picture of a submission that was rejected or revoked for fraud or sanctions.
//! It remains after an erasure, and then names nobody.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fingerprint")]
pub struct Model {
    /// Random, so that it does not tell the time of the decision.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// DOCUMENT_NUMBER, PICTURE or SIGNATURE.
    pub kind: String,
    /// A keyed hash of the number or the picture; of a signature, the encrypted perceptual hash.
    pub hash: Vec<u8>,
    /// The grey cells of a signature, encrypted with a key of the installation.
    pub cells: Option<Vec<u8>>,
    /// The code of the flag that it raises.
    pub code: String,
    /// The review item of the submission; null after an erasure.
    pub item_id: Option<Uuid>,
    /// The day of the decision; after an erasure, the first day of its month.
    pub decided_on: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
