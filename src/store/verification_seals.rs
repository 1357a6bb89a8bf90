//! Writes the seals of existing verifications again: the encrypted form, and the tag of the state.

use entity::verification;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::domain::authority::Tags;
use crate::domain::id::UserId;
use crate::store::Result;
use crate::store::verifications::{SealedForm, VerificationRecord, find_all};

/// Up to `limit` users whose form an earlier release has encrypted, ordered by id and starting after `after`.
pub async fn find_with_old_form(db: &impl ConnectionTrait, after: UserId, limit: u64) -> Result<Vec<UserId>> {
    verification::Entity::find()
        .select_only()
        .column(verification::Column::UserId)
        .filter(verification::Column::PersonalInfo.is_not_null())
        .filter(verification::Column::PersonalInfoVersion.is_null())
        .filter(verification::Column::UserId.gt(after))
        .order_by_asc(verification::Column::UserId)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// Replaces the encrypted form of a verification that the caller has locked. The verification keeps its version.
pub async fn replace_form(tx: &impl ConnectionTrait, user_id: UserId, form: SealedForm) -> Result<()> {
    verification::Entity::update_many()
        .col_expr(verification::Column::PersonalInfo, Expr::value(form.bytes))
        .col_expr(verification::Column::PersonalInfoVersion, Expr::value(form.version))
        .filter(verification::Column::UserId.eq(user_id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Tags the state of a verification that the caller has locked, as it is in the record.
pub async fn tag(tx: &impl ConnectionTrait, tags: &impl Tags, record: &VerificationRecord) -> Result<()> {
    verification::Entity::update_many()
        .col_expr(verification::Column::StateTag, Expr::value(tags.tag(&record.tagged_text())))
        .filter(verification::Column::UserId.eq(record.verification.user_id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Removes the tag of a verification whose tag was wrong before it was written, so that it stays wrong.
pub async fn remove_tag(tx: &impl ConnectionTrait, user_id: UserId) -> Result<()> {
    verification::Entity::update_many()
        .col_expr(verification::Column::StateTag, Expr::value(Option::<Vec<u8>>::None))
        .filter(verification::Column::UserId.eq(user_id))
        .exec(tx)
        .await?;
    Ok(())
}

/// A page of up to `limit` verifications, ordered by user and starting after `after`: the last user of the page, and
/// those whose tag is missing or wrong. `None` if there are no more.
pub async fn find_untagged(
    db: &impl ConnectionTrait,
    tags: &impl Tags,
    after: UserId,
    limit: u64,
) -> Result<Option<(UserId, Vec<UserId>)>> {
    let page: Vec<UserId> = verification::Entity::find()
        .select_only()
        .column(verification::Column::UserId)
        .filter(verification::Column::UserId.gt(after))
        .order_by_asc(verification::Column::UserId)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    let Some(last) = page.last() else { return Ok(None) };
    let records = find_all(db, &page).await?;
    let has_wrong_tag = |record: &VerificationRecord| {
        record.state_tag.as_deref() != Some(tags.tag(&record.tagged_text()).as_slice())
    };
    let untagged = records.iter().filter(|record| has_wrong_tag(record));
    Ok(Some((*last, untagged.map(|record| record.verification.user_id).collect())))
}
