//! Adds indexes from which a gateway reads the perceptual hashes of all pictures, without the large rows that they are
//! in.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// The name of each index, and its table and columns.
const INDEXES: [(&str, &str); 2] = [
    ("picture_signature_hash", "picture_signature (document_id, hash)"),
    ("fingerprint_signature_day", "fingerprint (decided_on) WHERE cells IS NOT NULL"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, columns) in INDEXES {
            let index = format!("CREATE INDEX {name} ON {columns}");
            manager.get_connection().execute_unprepared(&index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, _) in INDEXES {
            manager.get_connection().execute_unprepared(&format!("DROP INDEX {name}")).await?;
        }
        Ok(())
    }
}
