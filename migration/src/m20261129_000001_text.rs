//! Adds an index of the e-mails that are not plain ASCII. Only these can have another form than the one in which the
//! gateway stores them. It reads them when it starts.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let condition = match manager.get_database_backend() {
            DbBackend::Postgres => "octet_length(email_key) <> char_length(email_key)",
            _ => "length(CAST(email_key AS BLOB)) <> length(email_key)",
        };
        let index =
            format!("CREATE INDEX user_email_not_ascii ON \"user\" (created_at, id) WHERE {condition}");
        manager.get_connection().execute_unprepared(&index).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP INDEX user_email_not_ascii").await?;
        Ok(())
    }
}
