//! Adds the indexes of review boards: pages of the queue in any state, the counts of undecided items, the items
//! that a reviewer has claimed, and the newest decisions of each kind.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// The name of each index, and its table and columns.
const INDEXES: [(&str, &str); 4] = [
    ("review_item_due", "review_item (due_at, id)"),
    ("review_item_undecided", "review_item (kind, due_at, id, claim_expires_at) WHERE decided_at IS NULL"),
    ("review_item_claimed", "review_item (claimed_by, due_at, id) WHERE claimed_by IS NOT NULL"),
    ("review_item_decided", "review_item (kind, decided_at, submitted_at) WHERE decided_at IS NOT NULL"),
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
