//! Adds what was measured in a picture of an identity document to its record. Null for earlier pictures.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

const COLUMNS: [&str; 3] = ["sharpness", "glare_permille", "brightness_permille"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in COLUMNS {
            let column = ColumnDef::new(column).integer().null().to_owned();
            manager
                .alter_table(Table::alter().table("identity_document").add_column(column).to_owned())
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in COLUMNS {
            manager
                .alter_table(Table::alter().table("identity_document").drop_column(column).to_owned())
                .await?;
        }
        Ok(())
    }
}
