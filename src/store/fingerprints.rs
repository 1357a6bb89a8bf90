//! Fingerprints of submissions that were rejected or revoked for fraud or sanctions. Numbers and pictures arrive here
//! as keyed hashes, signatures encrypted.

use chrono::{DateTime, Datelike, NaiveTime, Utc};
use entity::{fingerprint, review_item, user};
use sea_orm::sea_query::{Expr, SelectStatement};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::domain::flag::FlagCode;
use crate::domain::id::{ReviewItemId, SubjectId, UserId};
use crate::store::{Result, parse};

/// The most fingerprints that are found.
const FOUND_MAX: u64 = 200;

/// What is recognized.
#[derive(Debug, Clone)]
pub enum Evidence {
    /// The keyed hash of a document number alone.
    DocumentNumber(Vec<u8>),
    /// The keyed hash of a picture.
    Picture(Vec<u8>),
    /// The encrypted hash and cells of a signature.
    Signature { hash: Vec<u8>, cells: Vec<u8> },
}

/// A fingerprint.
#[derive(Debug, Clone)]
pub struct NewFingerprint {
    /// Random: the time of an id would tell which decision it is about, after an erasure too.
    pub id: Uuid,
    pub evidence: Evidence,
    /// The flag that it raises.
    pub code: FlagCode,
    /// The item of the submission.
    pub item_id: Option<ReviewItemId>,
}

/// A fingerprint that was found: its flag, and the item of its submission, if its user was not erased.
pub type Found = (FlagCode, Option<ReviewItemId>);

/// Stores fingerprints of a decision that is made at `now`.
pub async fn insert_all(
    tx: &impl ConnectionTrait,
    fingerprints: Vec<NewFingerprint>,
    now: DateTime<Utc>,
) -> Result<()> {
    if fingerprints.is_empty() {
        return Ok(());
    }
    let decided_on = now.date_naive().and_time(NaiveTime::MIN).and_utc();
    let rows = fingerprints.into_iter().map(|new| {
        let (kind, hash, cells) = match new.evidence {
            Evidence::DocumentNumber(hash) => ("DOCUMENT_NUMBER", hash, None),
            Evidence::Picture(hash) => ("PICTURE", hash, None),
            Evidence::Signature { hash, cells } => ("SIGNATURE", hash, Some(cells)),
        };
        let code: &str = new.code.into();
        fingerprint::ActiveModel {
            id: Set(new.id),
            kind: Set(kind.to_owned()),
            hash: Set(hash),
            cells: Set(cells),
            code: Set(code.to_owned()),
            item_id: Set(new.item_id.map(ReviewItemId::uuid)),
            decided_on: Set(decided_on),
        }
    });
    fingerprint::Entity::insert_many(rows).exec_without_returning(tx).await?;
    Ok(())
}

/// The newest fingerprints with one of these keyed hashes.
pub async fn find(tx: &impl ConnectionTrait, hashes: Vec<Vec<u8>>) -> Result<Vec<Found>> {
    let rows: Vec<(String, Option<ReviewItemId>)> = fingerprint::Entity::find()
        .select_only()
        .columns([fingerprint::Column::Code, fingerprint::Column::ItemId])
        .filter(fingerprint::Column::Hash.is_in(hashes))
        .order_by_desc(fingerprint::Column::DecidedOn)
        .limit(FOUND_MAX)
        .into_tuple()
        .all(tx)
        .await?;
    rows.into_iter().map(|(code, item_id)| Ok((parse("flag code", &code)?, item_id))).collect()
}

/// Up to `limit` encrypted hashes of signatures, ordered by id and starting after `after`.
pub async fn signature_hashes(
    db: &impl ConnectionTrait,
    after: Uuid,
    limit: u64,
) -> Result<Vec<(Uuid, Vec<u8>)>> {
    fingerprint::Entity::find()
        .select_only()
        .columns([fingerprint::Column::Id, fingerprint::Column::Hash])
        .filter(fingerprint::Column::Cells.is_not_null())
        .filter(fingerprint::Column::Id.gt(after))
        .order_by_asc(fingerprint::Column::Id)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// The encrypted hashes of the signatures of decisions since `moment`, in no particular order. An erasure moves a
/// decision to the beginning of its month.
pub async fn signature_hashes_since(
    db: &impl ConnectionTrait,
    moment: DateTime<Utc>,
) -> Result<Vec<(Uuid, Vec<u8>)>> {
    fingerprint::Entity::find()
        .select_only()
        .columns([fingerprint::Column::Id, fingerprint::Column::Hash])
        .filter(fingerprint::Column::Cells.is_not_null())
        .filter(fingerprint::Column::DecidedOn.gte(moment))
        .into_tuple()
        .all(db)
        .await
}

/// The items and the encrypted cells of these signatures, in no particular order.
pub async fn signature_cells(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Option<ReviewItemId>, Vec<u8>)>> {
    fingerprint::Entity::find()
        .select_only()
        .columns([fingerprint::Column::Id, fingerprint::Column::ItemId, fingerprint::Column::Cells])
        .filter(fingerprint::Column::Id.is_in(ids.iter().copied()))
        .into_tuple()
        .all(db)
        .await
}

/// Deletes the fingerprints of this user's submissions: a later decision has cleared them.
pub async fn withdraw(tx: &impl ConnectionTrait, user_id: UserId) -> Result<()> {
    fingerprint::Entity::delete_many()
        .filter(fingerprint::Column::ItemId.in_subquery(items_of(user_id)))
        .exec(tx)
        .await?;
    Ok(())
}

/// Removes from the fingerprints of this user's submissions what they can be connected with the user by: the items,
/// and the day of the decision.
pub async fn make_anonymous(tx: &impl ConnectionTrait, user_id: UserId) -> Result<()> {
    let rows: Vec<(Uuid, DateTime<Utc>)> = fingerprint::Entity::find()
        .select_only()
        .columns([fingerprint::Column::Id, fingerprint::Column::DecidedOn])
        .filter(fingerprint::Column::ItemId.in_subquery(items_of(user_id)))
        .into_tuple()
        .all(tx)
        .await?;
    for (id, decided_on) in rows {
        let month = decided_on.with_day(1).unwrap_or(decided_on);
        fingerprint::Entity::update_many()
            .col_expr(fingerprint::Column::ItemId, Expr::value(Option::<Uuid>::None))
            .col_expr(fingerprint::Column::DecidedOn, Expr::value(month))
            .filter(fingerprint::Column::Id.eq(id))
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// Deletes the fingerprints of decisions before `moment`, except those of users under a legal hold. Returns how many.
pub async fn delete_older_than(tx: &impl ConnectionTrait, moment: DateTime<Utc>) -> Result<u64> {
    let held = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(user::Column::LegalHold.eq(true))
        .into_query();
    let items_of_held = review_item::Entity::find()
        .select_only()
        .column(review_item::Column::Id)
        .filter(review_item::Column::SubjectId.in_subquery(held))
        .into_query();
    let is_free = Condition::any()
        .add(fingerprint::Column::ItemId.is_null())
        .add(fingerprint::Column::ItemId.not_in_subquery(items_of_held));
    let deleted = fingerprint::Entity::delete_many()
        .filter(fingerprint::Column::DecidedOn.lt(moment))
        .filter(is_free)
        .exec(tx)
        .await?;
    Ok(deleted.rows_affected)
}

/// A subquery of the ids of all items of this user's verification.
fn items_of(user_id: UserId) -> SelectStatement {
    review_item::Entity::find()
        .select_only()
        .column(review_item::Column::Id)
        .filter(review_item::Column::SubjectId.eq(SubjectId::Verification(user_id)))
        .into_query()
}
