//! Adds the column with the hash of a session's user and of the network where the user signed in.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = ColumnDef::new("network_hash").blob().null().to_owned();
        manager.alter_table(Table::alter().table("session").add_column(column).to_owned()).await?;
        let index = "CREATE INDEX session_network ON session (network_hash)";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP INDEX session_network").await?;
        manager.alter_table(Table::alter().table("session").drop_column("network_hash").to_owned()).await
    }
}
