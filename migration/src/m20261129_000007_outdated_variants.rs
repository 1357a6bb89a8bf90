//! An index by which a background job finds the images whose copies have a lower version. Images whose file an earlier
//! version did not find, and did not try again, are tried again.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared("UPDATE gig_image SET variants_version = NULL WHERE variants_version = 0")
            .await?;
        db.execute_unprepared("CREATE INDEX gig_image_variants ON gig_image (variants_version, id)").await?;
        db.execute_unprepared("DROP INDEX gig_image_without_variants").await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index =
            "CREATE INDEX gig_image_without_variants ON gig_image (id) WHERE variants_version IS NULL";
        let db = manager.get_connection();
        db.execute_unprepared(index).await?;
        db.execute_unprepared("DROP INDEX gig_image_variants").await?;
        Ok(())
    }
}
