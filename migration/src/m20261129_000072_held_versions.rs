//! Creates the table of what people under a legal hold have replaced or deleted.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    binary_null, integer_null, json_binary, pk_uuid, string, timestamp_with_time_zone, uuid, uuid_null,
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
            .table("held_version")
            .col(pk_uuid("id"))
            .col(uuid("user_id"))
            .col(string("kind"))
            .col(uuid("subject_id"))
            .col(integer_null("version"))
            .col(uuid_null("data_key_id"))
            .col(binary_null("sealed"))
            .col(json_binary("content"))
            .col(timestamp_with_time_zone("replaced_at"))
            .foreign_key(
                ForeignKey::create()
                    .name("held_version_user_id")
                    .from("held_version", "user_id")
                    .to("user", "id"),
            )
            .to_owned();
        manager.create_table(table).await?;
        for index in [
            "CREATE INDEX held_version_user ON held_version (user_id, id)",
            "CREATE INDEX held_version_data_key ON held_version (data_key_id) WHERE data_key_id IS NOT NULL",
        ] {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("held_version").to_owned()).await
    }
}
