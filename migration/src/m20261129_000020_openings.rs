//! Creates the table of openings: each time that a reviewer opens the form or a picture of an applicant. The limit of
//! people per reviewer counts them, and CLEAR needs pictures that were delivered.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    pk_uuid, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, uuid_null,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

const INDEXES: [&str; 3] = [
    "CREATE INDEX identity_opening_reviewer ON identity_opening (reviewer_id, opened_at, subject_id)",
    "CREATE INDEX identity_opening_item ON identity_opening (item_id) WHERE delivered_at IS NOT NULL",
    "CREATE INDEX identity_opening_age ON identity_opening (opened_at)",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("identity_opening")
            .col(pk_uuid("id"))
            .col(uuid("reviewer_id"))
            .col(uuid("subject_id"))
            .col(uuid_null("item_id"))
            .col(uuid_null("document_id"))
            .col(timestamp_with_time_zone("opened_at"))
            .col(timestamp_with_time_zone_null("delivered_at"))
            .to_owned();
        manager.create_table(table).await?;
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("identity_opening").to_owned()).await
    }
}
