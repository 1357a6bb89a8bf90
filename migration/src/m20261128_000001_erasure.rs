//! Adds what erasures need: the records of blobs that no row refers to, and the users whom a mutation with an
//! idempotency key names. Deletes the stored responses of such mutations: from now on, what a mutation did is
//! stored instead.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string, timestamp_with_time_zone, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("unreferenced_blob")
            .col(uuid("id").primary_key())
            .col(string("kind"))
            .col(uuid("owner_id"))
            .col(timestamp_with_time_zone("delete_after"))
            .to_owned();
        manager.create_table(table).await?;
        let column = ColumnDef::new("subjects").text().null().to_owned();
        manager.alter_table(Table::alter().table("idempotent_request").add_column(column).to_owned()).await?;
        let sql = "UPDATE idempotent_request SET answer = NULL, key_id = NULL, wrapped_key = NULL";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("unreferenced_blob").to_owned()).await?;
        manager
            .alter_table(Table::alter().table("idempotent_request").drop_column("subjects").to_owned())
            .await
    }
}
