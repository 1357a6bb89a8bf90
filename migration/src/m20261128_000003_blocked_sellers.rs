//! Adds the mark of gigs that are paused because their seller is blocked, and an index of the images of a
//! user, whose bytes are summed at every upload.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = ColumnDef::new("paused_by_block").boolean().not_null().default(false).to_owned();
        manager.alter_table(Table::alter().table("gig").add_column(column).to_owned()).await?;
        let index = "CREATE INDEX gig_image_owner ON gig_image (owner_id)";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP INDEX gig_image_owner").await?;
        manager.alter_table(Table::alter().table("gig").drop_column("paused_by_block").to_owned()).await
    }
}
