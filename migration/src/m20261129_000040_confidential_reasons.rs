//! Replaces the codes of reasons that an applicant must not learn in the events of the log. Events that are recorded
//! from now on have the code that the applicant sees.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// The codes of the category FRAUD when this migration was written.
const CONFIDENTIAL: [&str; 3] = ["DOCUMENT_TAMPERED", "DUPLICATE_IDENTITY", "SANCTIONED"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for code in CONFIDENTIAL {
            let (before, after) = match manager.get_database_backend() {
                DbBackend::Postgres => ("reason_codes::text", "::jsonb"),
                _ => ("reason_codes", ""),
            };
            let sql = format!(
                "UPDATE event SET reason_codes = REPLACE({before}, '\"{code}\"', '\"OTHER\"'){after} \
                 WHERE kind = 'VERIFICATION_STATUS' AND {before} LIKE '%\"{code}\"%'"
            );
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    /// The codes stay replaced: earlier versions deliver such events, too.
    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}
