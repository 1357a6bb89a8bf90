//! Creates the table of mutations that were sent with an idempotency key, and their responses.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    binary, binary_null, boolean, string, string_null, timestamp_with_time_zone, uuid,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("idempotent_request")
            .col(uuid("user_id"))
            .col(string("idempotency_key"))
            .col(binary("fingerprint"))
            .col(uuid("attempt"))
            .col(timestamp_with_time_zone("running_until"))
            .col(boolean("acted"))
            .col(binary_null("answer"))
            .col(string_null("key_id"))
            .col(binary_null("wrapped_key"))
            .col(timestamp_with_time_zone("expires_at"))
            .primary_key(Index::create().col("user_id").col("idempotency_key"))
            .to_owned();
        manager.create_table(table).await?;
        let index = "CREATE INDEX idempotent_request_expiry ON idempotent_request (expires_at)";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("idempotent_request").to_owned()).await
    }
}
