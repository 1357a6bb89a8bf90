//! Creates the table of the keys that seal what reviewers write about users. Texts from before are sealed by a
//! background job of the gateway, which has the keys.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{binary, pk_uuid, string};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("review_key")
            .col(pk_uuid("user_id"))
            .col(string("key_id"))
            .col(binary("wrapped_key"))
            .foreign_key(
                ForeignKey::create()
                    .name("review_key_user_id")
                    .from("review_key", "user_id")
                    .to("user", "id"),
            )
            .to_owned();
        manager.create_table(table).await?;
        let index = "CREATE INDEX review_key_key ON review_key (key_id, user_id)";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("review_key").to_owned()).await
    }
}
