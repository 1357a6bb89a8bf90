//! Adds the keyed tags of what gives power: of the role and the verified identity of a user, and of the state of a
//! verification. The gateway, which has the key, writes the tags of existing rows when it starts.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{binary, integer, text, timestamp_with_time_zone_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [("user", "authority_tag"), ("verification", "state_tag")] {
            let column = ColumnDef::new(column).binary().null().to_owned();
            manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
        }
        let marker = Table::create()
            .table("integrity_marker")
            .col(integer("id").primary_key())
            .col(text("tagged_since_release"))
            .col(timestamp_with_time_zone_null("complete_at"))
            .col(binary("tag"))
            .to_owned();
        manager.create_table(marker).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("integrity_marker").to_owned()).await?;
        for (table, column) in [("user", "authority_tag"), ("verification", "state_tag")] {
            manager.alter_table(Table::alter().table(table).drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
