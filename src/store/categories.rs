//! The catalogue's categories.

use entity::category;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use crate::domain::category::Category;
use crate::domain::money::Money;
use crate::store::Result;

fn from_row(row: category::Model) -> Category {
    Category {
        id: row.id,
        slug: row.slug,
        name: row.name,
        minimum_price: Money::from_cents(row.minimum_price_cents),
    }
}

/// All of them, in the catalogue's order.
///
/// # Errors
/// Where the database does not answer.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Category>> {
    let rows = category::Entity::find().order_by_asc(category::Column::Id).all(db).await?;
    Ok(rows.into_iter().map(from_row).collect())
}

/// The first of the catalogue.
///
/// # Errors
/// Where the database does not answer, or the catalogue is empty.
pub async fn first(db: &impl ConnectionTrait) -> Result<Category> {
    let row = category::Entity::find().order_by_asc(category::Column::Id).one(db).await?;
    row.map(from_row).ok_or_else(|| sea_orm::DbErr::RecordNotFound("the catalogue is empty".into()))
}

/// # Errors
/// Where the database does not answer.
pub async fn find(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Category>> {
    Ok(category::Entity::find_by_id(id).one(db).await?.map(from_row))
}

/// Those of `ids` that exist, in no order.
///
/// # Errors
/// Where the database does not answer.
pub async fn find_all(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<Category>> {
    let ids = ids.iter().copied();
    let rows = category::Entity::find().filter(category::Column::Id.is_in(ids)).all(db).await?;
    Ok(rows.into_iter().map(from_row).collect())
}
