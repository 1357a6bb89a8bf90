//! Creates the table of stream tickets that were used.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{binary, pk_uuid, timestamp_with_time_zone, uuid_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("stream_ticket")
            .col(pk_uuid("id"))
            .col(binary("fingerprint"))
            .col(uuid_null("stream_id"))
            .col(timestamp_with_time_zone("expires_at"))
            .to_owned();
        manager.create_table(table).await?;
        let index = "CREATE INDEX stream_ticket_expiry ON stream_ticket (expires_at)";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("stream_ticket").to_owned()).await
    }
}
