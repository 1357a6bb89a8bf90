//! The flags of review items. Each row is about one other item; those with one code are one [`Flag`].

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use entity::{identity_document, review_flag, review_item, verification};
use sea_orm::sea_query::{Expr, SelectStatement};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};
use uuid::Uuid;

use crate::domain::flag::{Flag, FlagCode, RELATED_MAX};
use crate::domain::id::{ReviewItemId, SubjectId, UserId};
use crate::store::{ROWS_PER_INSERT, Result, parse};

/// A flag to raise, about one other item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFlag {
    /// The item that gets the flag.
    pub item_id: ReviewItemId,
    pub code: FlagCode,
    pub is_hint: bool,
    /// The item that the flag is about; `None` if its user was erased.
    pub related: Option<ReviewItemId>,
}

/// Raises flags. The caller checks that they are new, and gives each row an id.
///
/// Takes one statement if there are none, too: so the duration of a submission tells an applicant less about whether
/// somebody else has submitted their document.
pub async fn insert_all(
    tx: &impl ConnectionTrait,
    flags: &[(Uuid, NewFlag)],
    now: DateTime<Utc>,
) -> Result<()> {
    if flags.is_empty() {
        let none = review_flag::Column::Id.is_in(Vec::<Uuid>::new());
        review_flag::Entity::delete_many().filter(none).exec(tx).await?;
    }
    for flags in flags.chunks(ROWS_PER_INSERT) {
        let rows = flags.iter().map(|(id, flag)| {
            let code: &str = flag.code.into();
            review_flag::ActiveModel {
                id: Set(*id),
                item_id: Set(flag.item_id.uuid()),
                code: Set(code.to_owned()),
                is_hint: Set(flag.is_hint),
                related_id: Set(flag.related.map(ReviewItemId::uuid)),
                raised_at: Set(now),
            }
        });
        review_flag::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// The flags of these items, in the order of their codes. An item without flags is missing in the map.
pub async fn of_items(
    db: &impl ConnectionTrait,
    ids: &[ReviewItemId],
) -> Result<HashMap<ReviewItemId, Vec<Flag>>> {
    let rows = review_flag::Entity::find()
        .filter(review_flag::Column::ItemId.is_in(ids.iter().copied()))
        // A hint must not take the place of better evidence.
        .order_by_asc(review_flag::Column::IsHint)
        .order_by_desc(review_flag::Column::Id)
        .all(db)
        .await?;
    let mut by_code: HashMap<ReviewItemId, BTreeMap<FlagCode, Flag>> = HashMap::new();
    for row in rows {
        let code = parse("flag code", &row.code)?;
        let flags = by_code.entry(ReviewItemId::from_uuid(row.item_id)).or_default();
        let flag = flags.entry(code).or_insert(Flag { code, is_hint: true, related: Vec::new() });
        flag.is_hint &= row.is_hint;
        if let Some(related) = row.related_id.map(ReviewItemId::from_uuid)
            && flag.related.len() < RELATED_MAX
            && !flag.related.contains(&related)
        {
            flag.related.push(related);
        }
    }
    Ok(by_code.into_iter().map(|(id, flags)| (id, flags.into_values().collect())).collect())
}

/// Other users who have submitted a document of the same type and country with the same number, whatever became of it.
/// The newest [`RELATED_MAX`].
pub async fn users_with_identity(
    tx: &impl ConnectionTrait,
    identity_hash: &[u8],
    except: UserId,
) -> Result<Vec<UserId>> {
    verification::Entity::find()
        .select_only()
        .column(verification::Column::UserId)
        .filter(verification::Column::IdentityHash.eq(identity_hash.to_vec()))
        .filter(verification::Column::UserId.ne(except))
        .order_by_desc(verification::Column::SubmittedAt)
        .limit(RELATED_MAX as u64)
        .into_tuple()
        .all(tx)
        .await
}

/// Other users who have uploaded one of these pictures and submitted a verification, each once. The newest
/// [`RELATED_MAX`].
pub async fn users_with_picture(
    tx: &impl ConnectionTrait,
    picture_hashes: Vec<Vec<u8>>,
    except: UserId,
) -> Result<Vec<UserId>> {
    let submitters = review_item::Entity::find().select_only().column(review_item::Column::SubjectId);
    let submitters: SelectStatement = submitters.into_query();
    identity_document::Entity::find()
        .select_only()
        .column(identity_document::Column::UserId)
        .filter(identity_document::Column::PictureHash.is_in(picture_hashes))
        .filter(identity_document::Column::UserId.ne(except))
        .filter(identity_document::Column::UserId.in_subquery(submitters))
        .group_by(identity_document::Column::UserId)
        .order_by_desc(identity_document::Column::UploadedAt.max())
        .limit(RELATED_MAX as u64)
        .into_tuple()
        .all(tx)
        .await
}

/// The newest item of each of these users' verifications. A user who has submitted none is missing in the map.
pub async fn newest_items(
    tx: &impl ConnectionTrait,
    user_ids: &[UserId],
) -> Result<HashMap<UserId, ReviewItemId>> {
    let rows: Vec<(UserId, ReviewItemId)> = review_item::Entity::find()
        .select_only()
        .columns([review_item::Column::SubjectId, review_item::Column::Id])
        .filter(review_item::Column::SubjectId.is_in(user_ids.iter().copied()))
        .order_by_asc(review_item::Column::SubmittedAt)
        .order_by_asc(review_item::Column::Id)
        .into_tuple()
        .all(tx)
        .await?;
    Ok(rows.into_iter().collect())
}

/// Those of the items that are about this user's verification.
pub async fn items_about(
    db: &impl ConnectionTrait,
    ids: &[ReviewItemId],
    user_id: UserId,
) -> Result<Vec<ReviewItemId>> {
    review_item::Entity::find()
        .select_only()
        .column(review_item::Column::Id)
        .filter(review_item::Column::Id.is_in(ids.iter().copied()))
        .filter(review_item::Column::SubjectId.eq(SubjectId::Verification(user_id)))
        .into_tuple()
        .all(db)
        .await
}

/// Deletes the flags of all items of this subject, and removes these items from the flags of others, which stay.
pub async fn forget_subject(tx: &impl ConnectionTrait, subject_id: SubjectId) -> Result<()> {
    review_flag::Entity::delete_many()
        .filter(review_flag::Column::ItemId.in_subquery(items_of(subject_id)))
        .exec(tx)
        .await?;
    review_flag::Entity::update_many()
        .col_expr(review_flag::Column::RelatedId, Expr::value(Option::<Uuid>::None))
        .filter(review_flag::Column::RelatedId.in_subquery(items_of(subject_id)))
        .exec(tx)
        .await?;
    Ok(())
}

/// A subquery of the ids of all items of this subject.
fn items_of(subject_id: SubjectId) -> SelectStatement {
    review_item::Entity::find()
        .select_only()
        .column(review_item::Column::Id)
        .filter(review_item::Column::SubjectId.eq(subject_id))
        .into_query()
}
