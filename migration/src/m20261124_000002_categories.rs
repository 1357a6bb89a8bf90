//! Inserts the categories of the catalogue. Their ids are fixed, so they are the same in every installation.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::prelude::Uuid;

use crate::catalogue::{CATEGORIES, MINIMUM_PRICE_CENTS, slug};

/// The id of the first category: a version 7 UUID of 1 January 2025. The index of a category is added to it.
const FIRST_ID: u128 = 0x0194_1f29_7c00_7000_8000_0000_0000_0001;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut rows = Query::insert();
        rows.into_table("category").columns(["id", "slug", "name", "minimum_price_cents"]);
        for (id, name) in (FIRST_ID..).zip(CATEGORIES) {
            rows.values_panic([
                Uuid::from_u128(id).into(),
                slug(name).into(),
                name.into(),
                MINIMUM_PRICE_CENTS.into(),
            ]);
        }
        manager.execute(rows).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.execute(Query::delete().from_table("category").to_owned()).await
    }
}
