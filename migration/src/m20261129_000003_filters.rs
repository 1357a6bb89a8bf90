//! Adds indexes of users by points, of all and of the verified ones: a list of gigs that is filtered by the level
//! or the verification of the seller can begin with the sellers if they are few.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for sql in [
            "CREATE INDEX user_points ON \"user\" (points, id)",
            "CREATE INDEX user_verified ON \"user\" (points, id) WHERE verified_at IS NOT NULL",
        ] {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for sql in ["DROP INDEX user_points", "DROP INDEX user_verified"] {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }
}
