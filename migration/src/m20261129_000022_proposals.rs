//! Records what kind of record each row of `review_decision` is, and which of them is the proposal that waits for a
//! second reviewer.
//!
//! A proposal of an earlier version had the decision PROPOSE. If it still waits, its row gets the decision that it
//! proposes, and it goes on waiting. The columns `proposed_decision` and `proposed_by` are not used any more.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

const WAITING: [&str; 4] = [
    "UPDATE review_decision SET kind = 'PROPOSAL' WHERE decision = 'PROPOSE'",
    "UPDATE verification SET proposal_id = (SELECT d.id FROM review_decision d
        WHERE d.subject_id = verification.user_id AND d.reviewer_id = verification.proposed_by
            AND d.decision = 'PROPOSE' ORDER BY d.decided_at DESC, d.id DESC LIMIT 1)
     WHERE proposed_by IS NOT NULL",
    "UPDATE review_decision SET decision = (SELECT v.proposed_decision FROM verification v
            WHERE v.proposal_id = review_decision.id),
        item_id = (SELECT i.id FROM review_item i WHERE i.subject_id = review_decision.subject_id
            ORDER BY i.submitted_at DESC LIMIT 1)
     WHERE id IN (SELECT proposal_id FROM verification WHERE proposed_decision IS NOT NULL)",
    "UPDATE verification SET proposed_decision = NULL, proposed_by = NULL WHERE proposed_by IS NOT NULL",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [
            ("review_decision", ColumnDef::new("kind").string().not_null().default("DECISION").to_owned()),
            ("verification", ColumnDef::new("proposal_id").uuid().null().to_owned()),
        ] {
            manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
        }
        for sql in WAITING {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [("review_decision", "kind"), ("verification", "proposal_id")] {
            manager.alter_table(Table::alter().table(table).drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
