//! Creates the table of inspections: an administrator opens a decided verification for some minutes. The reason is
//! the internal note of the decision with the same id. Also adds the index that finds the newest item of a subject.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{pk_uuid, timestamp_with_time_zone, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

const INDEXES: [&str; 2] = [
    "CREATE INDEX inspection_admin ON inspection (admin_id, subject_id, expires_at)",
    // The item that shows an inspection: the newest of the verification.
    "CREATE INDEX review_item_newest ON review_item (subject_id, submitted_at)",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("inspection")
            .col(pk_uuid("id"))
            .col(uuid("admin_id"))
            .col(uuid("subject_id"))
            .col(timestamp_with_time_zone("started_at"))
            .col(timestamp_with_time_zone("expires_at"))
            .to_owned();
        manager.create_table(table).await?;
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP INDEX review_item_newest").await?;
        manager.drop_table(Table::drop().table("inspection").to_owned()).await
    }
}
