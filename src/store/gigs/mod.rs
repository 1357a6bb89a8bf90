//! Single gigs. Lists of gigs are in [`list`].

pub mod facets;
pub mod index;
pub mod list;
pub mod query;
pub mod rows;
pub mod search;
pub mod sql;
pub mod words;

use entity::{gig, gig_tag, user};
use sea_orm::sea_query::{Expr, IntoIden, LockType, Query};
use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait,
    EntityTrait, IntoActiveModel, Iterable, ModelTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};

use crate::domain::gig::{ERASED_TITLE, Gig, GigContent, GigStatus};
use crate::domain::gig_form::tag_key;
use crate::domain::id::{CategoryId, GigId, UserId};
use crate::domain::money::Money;
use crate::domain::user::Viewer;
use crate::store::{ROWS_PER_INSERT, Result, from_json, parse, to_json, users};

pub(super) fn from_row(row: gig::Model) -> Result<Gig> {
    Ok(Gig {
        id: GigId::from_uuid(row.id),
        seller_id: UserId::from_uuid(row.seller_id),
        status: parse("gig status", &row.status)?,
        version: row.version,
        review_reasons: from_json("gig.review_reasons", row.review_reasons)?,
        created_at: row.created_at,
        submitted_at: row.submitted_at,
        published_at: row.published_at,
        review_due_at: row.review_due_at,
        content: GigContent {
            title: row.title,
            description: row.description,
            category_id: CategoryId::from_uuid(row.category_id),
            price: Money::from_cents(row.price_cents),
            delivery_days: row.delivery_days,
            revisions: row.revisions,
            tags: from_json("gig.tags", row.tags)?,
            links: from_json("gig.links", row.links)?,
        },
    })
}

fn to_row(gig: &Gig) -> Result<gig::Model> {
    Ok(gig::Model {
        id: gig.id.uuid(),
        seller_id: gig.seller_id.uuid(),
        category_id: gig.content.category_id.uuid(),
        title: gig.content.title.clone(),
        description: gig.content.description.clone(),
        price_cents: gig.content.price.cents,
        delivery_days: gig.content.delivery_days,
        revisions: gig.content.revisions,
        tags: to_json(&gig.content.tags)?,
        links: to_json(&gig.content.links)?,
        status: status_text(gig.status).to_owned(),
        version: gig.version,
        review_reasons: to_json(&gig.review_reasons)?,
        created_at: gig.created_at,
        submitted_at: gig.submitted_at,
        published_at: gig.published_at,
        review_due_at: gig.review_due_at,
        paused_by_block: false,
    })
}

pub(super) fn status_text(status: GigStatus) -> &'static str {
    status.into()
}

/// Condition: `viewer` may see the gig. Everybody may see ACTIVE gigs, sellers their own, reviewers all.
fn visible(viewer: Option<&Viewer>) -> Condition {
    let active = Condition::any().add(gig::Column::Status.eq(status_text(GigStatus::Active)));
    match viewer {
        None => active,
        Some(viewer) if viewer.role.can_review() => Condition::all(),
        Some(viewer) => active.add(gig::Column::SellerId.eq(viewer.id())),
    }
}

pub async fn find_visible(
    db: &impl ConnectionTrait,
    viewer: Option<&Viewer>,
    id: GigId,
) -> Result<Option<Gig>> {
    let row = gig::Entity::find_by_id(id).filter(visible(viewer)).one(db).await?;
    row.map(from_row).transpose()
}

/// Locks and returns the gig, if `viewer` may see it; see [`lock_own`].
pub async fn lock_visible(tx: &impl ConnectionTrait, viewer: &Viewer, id: GigId) -> Result<Option<Gig>> {
    let select = gig::Entity::find_by_id(id).filter(visible(Some(viewer)));
    select.lock(LockType::NoKeyUpdate).one(tx).await?.map(from_row).transpose()
}

/// Those of the gigs that `viewer` may see, in no particular order.
pub async fn find_all_visible(
    db: &impl ConnectionTrait,
    viewer: Option<&Viewer>,
    ids: &[GigId],
) -> Result<Vec<Gig>> {
    let rows = gig::Entity::find()
        .filter(gig::Column::Id.is_in(ids.iter().copied()))
        .filter(visible(viewer))
        .all(db)
        .await?;
    rows.into_iter().map(from_row).collect()
}

/// Locks and returns the gig, if it is the viewer's own. The row lock lasts until the transaction ends.
/// (SQLite has one writer at a time anyway.) A transaction that changes a gig and its review item must lock
/// the gig first.
pub async fn lock_own(tx: &impl ConnectionTrait, viewer: &Viewer, id: GigId) -> Result<Option<Gig>> {
    let select = gig::Entity::find_by_id(id).filter(gig::Column::SellerId.eq(viewer.id()));
    select.lock(LockType::NoKeyUpdate).one(tx).await?.map(from_row).transpose()
}

/// Locks and returns the seller's gigs in these statuses; see [`lock_own`].
pub async fn lock_all_of_seller(
    tx: &impl ConnectionTrait,
    seller_id: UserId,
    statuses: &[GigStatus],
) -> Result<Vec<Gig>> {
    let rows = gig::Entity::find()
        .filter(gig::Column::SellerId.eq(seller_id))
        .filter(gig::Column::Status.is_in(statuses.iter().copied().map(status_text)))
        .order_by_asc(gig::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .all(tx)
        .await?;
    rows.into_iter().map(from_row).collect()
}

/// Up to `limit` gigs of the seller in every status, ordered by id and starting after `after`.
pub async fn find_of_seller(
    db: &impl ConnectionTrait,
    seller_id: UserId,
    after: GigId,
    limit: u64,
) -> Result<Vec<Gig>> {
    let rows = gig::Entity::find()
        .filter(gig::Column::SellerId.eq(seller_id))
        .filter(gig::Column::Id.gt(after))
        .order_by_asc(gig::Column::Id)
        .limit(limit)
        .all(db)
        .await?;
    rows.into_iter().map(from_row).collect()
}

/// Marks the gigs as paused because their seller is blocked, for [`lock_paused_by_block`].
pub async fn mark_paused_by_block(tx: &impl ConnectionTrait, ids: &[GigId]) -> Result<()> {
    gig::Entity::update_many()
        .col_expr(gig::Column::PausedByBlock, Expr::value(true))
        .filter(gig::Column::Id.is_in(ids.iter().copied()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Removes the marks of [`mark_paused_by_block`] from the gigs of the seller. Locks and returns the marked gigs that
/// are still PAUSED.
pub async fn lock_paused_by_block(tx: &impl ConnectionTrait, seller_id: UserId) -> Result<Vec<Gig>> {
    let is_marked =
        Condition::all().add(gig::Column::SellerId.eq(seller_id)).add(gig::Column::PausedByBlock.eq(true));
    let rows = gig::Entity::find()
        .filter(is_marked.clone())
        .filter(gig::Column::Status.eq(status_text(GigStatus::Paused)))
        .order_by_asc(gig::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .all(tx)
        .await?;
    gig::Entity::update_many()
        .col_expr(gig::Column::PausedByBlock, Expr::value(false))
        .filter(is_marked)
        .exec(tx)
        .await?;
    rows.into_iter().map(from_row).collect()
}

/// The ACTIVE gigs of these sellers, each with its seller, in the order of their ids.
pub async fn find_active_of_sellers(
    db: &impl ConnectionTrait,
    seller_ids: &[UserId],
) -> Result<Vec<(GigId, UserId)>> {
    gig::Entity::find()
        .select_only()
        .columns([gig::Column::Id, gig::Column::SellerId])
        .filter(gig::Column::SellerId.is_in(seller_ids.iter().copied()))
        .filter(gig::Column::Status.eq(status_text(GigStatus::Active)))
        .order_by_asc(gig::Column::Id)
        .into_tuple()
        .all(db)
        .await
}

/// The erased users who have a gig with texts, or one that is not archived.
pub async fn find_erased_sellers_with_texts(db: &impl ConnectionTrait) -> Result<Vec<UserId>> {
    let has_texts = Condition::any()
        .add(gig::Column::Title.ne(ERASED_TITLE))
        .add(gig::Column::Status.ne(status_text(GigStatus::Archived)));
    let erased = users::ids_where(user::Column::ErasedAt.is_not_null());
    find_sellers(db, Condition::all().add(has_texts).add(gig::Column::SellerId.in_subquery(erased))).await
}

/// The blocked users who have an ACTIVE gig.
pub async fn find_blocked_sellers_of_active(db: &impl ConnectionTrait) -> Result<Vec<UserId>> {
    let is_active = Condition::all().add(gig::Column::Status.eq(status_text(GigStatus::Active)));
    let blocked = users::ids_where(user::Column::BlockedAt.is_not_null());
    find_sellers(db, is_active.add(gig::Column::SellerId.in_subquery(blocked))).await
}

async fn find_sellers(db: &impl ConnectionTrait, condition: Condition) -> Result<Vec<UserId>> {
    let sellers = gig::Entity::find().select_only().column(gig::Column::SellerId).distinct();
    sellers.filter(condition).into_tuple().all(db).await
}

/// How many gigs of the seller are not archived.
pub async fn count_unarchived(db: &impl ConnectionTrait, seller_id: UserId) -> Result<u64> {
    gig::Entity::find()
        .filter(gig::Column::SellerId.eq(seller_id))
        .filter(gig::Column::Status.ne(status_text(GigStatus::Archived)))
        .count(db)
        .await
}

pub async fn insert(tx: &impl ConnectionTrait, gig: &Gig) -> Result<()> {
    insert_rows(tx, std::slice::from_ref(gig)).await
}

/// Inserts gigs with the words by which a search finds them.
async fn insert_rows(tx: &impl ConnectionTrait, gigs: &[Gig]) -> Result<()> {
    let backend = tx.get_database_backend();
    let columns = gig::Column::iter().map(IntoIden::into_iden);
    let mut insert = Query::insert();
    insert.into_table(gig::Entity).columns(columns.chain(index::columns(backend)));
    for gig in gigs {
        let row = to_row(gig)?;
        let values = gig::Column::iter().map(|column| Expr::val(row.get(column)));
        insert.values_panic(values.chain(index::values(backend, &gig.into())));
    }
    tx.execute(&insert).await?;
    index::write(tx, gigs.iter().map(Into::into)).await
}

/// Inserts many gigs, with their rows in `gig_tag`.
pub async fn insert_all(tx: &impl ConnectionTrait, gigs: &[Gig]) -> Result<()> {
    for gigs in gigs.chunks(ROWS_PER_INSERT) {
        insert_rows(tx, gigs).await?;
    }
    let tags: Vec<_> = gigs.iter().flat_map(tag_rows).collect();
    for rows in tags.chunks(ROWS_PER_INSERT) {
        gig_tag::Entity::insert_many(rows.to_vec()).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Replaces the previous version of the gig. Returns `false` if a concurrent change has replaced it already.
pub async fn update(tx: &impl ConnectionTrait, gig: &Gig) -> Result<bool> {
    let row = gig::ActiveModel { paused_by_block: NotSet, ..to_row(gig)?.into_active_model().reset_all() };
    let mut update = gig::Entity::update_many()
        .set(row)
        .filter(gig::Column::Id.eq(gig.id))
        .filter(gig::Column::Version.eq(gig.version - 1));
    let backend = tx.get_database_backend();
    for (column, value) in index::columns(backend).into_iter().zip(index::values(backend, &gig.into())) {
        update = update.col_expr(column, value);
    }
    if update.exec(tx).await?.rows_affected == 0 {
        return Ok(false);
    }
    index::write(tx, [gig.into()]).await?;
    Ok(true)
}

/// Replaces the gig's rows in `gig_tag`, the index of its tags.
pub async fn index_tags(tx: &impl ConnectionTrait, gig: &Gig) -> Result<()> {
    gig_tag::Entity::delete_many().filter(gig_tag::Column::GigId.eq(gig.id)).exec(tx).await?;
    if !gig.content.tags.is_empty() {
        gig_tag::Entity::insert_many(tag_rows(gig)).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Deletes the rows in `gig_tag` of all gigs of the seller.
pub async fn delete_tags_of_seller(tx: &impl ConnectionTrait, seller_id: UserId) -> Result<()> {
    let gigs = gig::Entity::find()
        .select_only()
        .column(gig::Column::Id)
        .filter(gig::Column::SellerId.eq(seller_id))
        .into_query();
    gig_tag::Entity::delete_many().filter(gig_tag::Column::GigId.in_subquery(gigs)).exec(tx).await?;
    Ok(())
}

fn tag_rows(gig: &Gig) -> impl Iterator<Item = gig_tag::ActiveModel> {
    gig.content
        .tags
        .iter()
        .map(|tag| gig_tag::ActiveModel { gig_id: Set(gig.id.uuid()), tag_key: Set(tag_key(tag)) })
}
