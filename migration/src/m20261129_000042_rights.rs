//! Creates the tables of consents and of requests to be erased.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{integer, pk_uuid, text, timestamp_with_time_zone, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let consents = Table::create()
            .table("consent")
            .col(uuid("user_id"))
            .col(integer("verification_version"))
            .col(text("text_version"))
            .col(timestamp_with_time_zone("consented_at"))
            .primary_key(Index::create().col("user_id").col("verification_version"))
            .foreign_key(&mut user_of("consent"))
            .to_owned();
        let requests = Table::create()
            .table("erasure_request")
            .col(pk_uuid("user_id"))
            .col(timestamp_with_time_zone("requested_at"))
            .col(timestamp_with_time_zone("due_at"))
            .foreign_key(&mut user_of("erasure_request"))
            .to_owned();
        for table in [consents, requests] {
            manager.create_table(table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["erasure_request", "consent"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn user_of(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create().name(format!("{table}_user_id")).from(table, "user_id").to("user", "id").to_owned()
}
