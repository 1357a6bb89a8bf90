//! Adds the alternative text and the placeholder of an image, and the version of its smaller copies. Existing images
//! have none: a background job makes them.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [
            ColumnDef::new("alt_text").text().null().to_owned(),
            ColumnDef::new("placeholder").text().null().to_owned(),
            ColumnDef::new("variants_version").integer().null().to_owned(),
        ] {
            manager.alter_table(Table::alter().table("gig_image").add_column(column).to_owned()).await?;
        }
        let index =
            "CREATE INDEX gig_image_without_variants ON gig_image (id) WHERE variants_version IS NULL";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP INDEX gig_image_without_variants").await?;
        for column in ["alt_text", "placeholder", "variants_version"] {
            manager.alter_table(Table::alter().table("gig_image").drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
