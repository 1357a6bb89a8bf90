//! The categories of gigs.

use entity::category;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::domain::category::Category;
use crate::domain::id::CategoryId;
use crate::domain::money::Money;
use crate::store::Result;

fn from_row(row: category::Model) -> Category {
    Category {
        id: CategoryId::from_uuid(row.id),
        slug: row.slug,
        name: row.name,
        minimum_price: Money::from_cents(row.minimum_price_cents),
    }
}

/// All categories, always in the same order.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Category>> {
    let rows = category::Entity::find().order_by_asc(category::Column::Id).all(db).await?;
    Ok(rows.into_iter().map(from_row).collect())
}

/// The first category.
///
/// # Errors
/// `RecordNotFound` if there are no categories.
pub async fn first(db: &impl ConnectionTrait) -> Result<Category> {
    let row = category::Entity::find().order_by_asc(category::Column::Id).one(db).await?;
    row.map(from_row).ok_or_else(|| sea_orm::DbErr::RecordNotFound("there are no categories".into()))
}

pub async fn find(db: &impl ConnectionTrait, id: CategoryId) -> Result<Option<Category>> {
    Ok(category::Entity::find_by_id(id).one(db).await?.map(from_row))
}

/// Those of the categories that exist, in no particular order.
pub async fn find_all(db: &impl ConnectionTrait, ids: &[CategoryId]) -> Result<Vec<Category>> {
    let ids = ids.iter().copied();
    let rows = category::Entity::find().filter(category::Column::Id.is_in(ids)).all(db).await?;
    Ok(rows.into_iter().map(from_row).collect())
}
