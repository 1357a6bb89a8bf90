//! Creates the tables of identity verifications, their documents, and the audit trail.
//!
//! Personal data is encrypted before it is stored (`gigway::media::vault`). Triggers prevent changes of the
//! audit trail: entries can only be added.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, binary, binary_null, boolean, integer, json_binary, pk_uuid, string, string_null, text,
    timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, uuid_null,
};
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [verifications(), identity_documents(), audit_entries()] {
            manager.create_table(table).await?;
        }
        for column in [
            ColumnDef::new("legal_hold").boolean().not_null().default(false).to_owned(),
            ColumnDef::new("erased_at").timestamp_with_time_zone().null().to_owned(),
        ] {
            manager.alter_table(Table::alter().table("user").add_column(column).to_owned()).await?;
        }
        for sql in INDEXES {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        let triggers = match manager.get_database_backend() {
            DbBackend::Postgres => POSTGRES_AUDIT_TRIGGERS,
            _ => SQLITE_AUDIT_TRIGGERS,
        };
        manager.get_connection().execute_unprepared(triggers).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["audit_entry", "identity_document", "verification"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        for column in ["legal_hold", "erased_at"] {
            manager.alter_table(Table::alter().table("user").drop_column(column).to_owned()).await?;
        }
        if manager.get_database_backend() == DbBackend::Postgres {
            manager.get_connection().execute_unprepared("DROP FUNCTION audit_entry_is_kept()").await?;
        }
        Ok(())
    }
}

const INDEXES: [&str; 4] = [
    "CREATE INDEX verification_identity ON verification (identity_hash) WHERE identity_hash IS NOT NULL",
    "CREATE INDEX verification_key ON verification (key_id, user_id) WHERE key_id IS NOT NULL",
    "CREATE UNIQUE INDEX identity_document_side ON identity_document (user_id, side)",
    "CREATE INDEX audit_entry_subject ON audit_entry (subject_id, number)",
];

const POSTGRES_AUDIT_TRIGGERS: &str = r"
CREATE FUNCTION audit_entry_is_kept() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit trail can only be added to'; END $$;
CREATE TRIGGER audit_entry_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_is_kept();
";

const SQLITE_AUDIT_TRIGGERS: &str = r"
CREATE TRIGGER audit_entry_not_updated BEFORE UPDATE ON audit_entry BEGIN
    SELECT RAISE(ABORT, 'the audit trail can only be added to');
END;
CREATE TRIGGER audit_entry_not_deleted BEFORE DELETE ON audit_entry BEGIN
    SELECT RAISE(ABORT, 'the audit trail can only be added to');
END;
";

fn verifications() -> TableCreateStatement {
    Table::create()
        .table("verification")
        .col(pk_uuid("user_id"))
        .col(string("status"))
        .col(integer("version"))
        .col(integer("attempts_used"))
        .col(string_null("key_id"))
        .col(binary_null("wrapped_key"))
        .col(binary_null("personal_info"))
        .col(timestamp_with_time_zone_null("personal_info_at"))
        .col(boolean("personal_info_asked"))
        .col(string_null("document_type"))
        .col(binary_null("identity_hash"))
        .col(json_binary("reasons"))
        .col(timestamp_with_time_zone_null("submitted_at"))
        .col(timestamp_with_time_zone_null("review_due_at"))
        .col(timestamp_with_time_zone_null("decided_at"))
        .col(timestamp_with_time_zone_null("cleared_at"))
        .col(string_null("proposed_decision"))
        .col(uuid_null("proposed_by"))
        .col(timestamp_with_time_zone("changed_at"))
        .col(timestamp_with_time_zone_null("erased_at"))
        .foreign_key(
            ForeignKey::create()
                .name("verification_user_id")
                .from("verification", "user_id")
                .to("user", "id"),
        )
        .to_owned()
}

fn identity_documents() -> TableCreateStatement {
    Table::create()
        .table("identity_document")
        .col(pk_uuid("id"))
        .col(uuid("user_id"))
        .col(string("type"))
        .col(string("side"))
        .col(binary("picture_hash"))
        .col(boolean("asked_again"))
        .col(timestamp_with_time_zone("uploaded_at"))
        .foreign_key(
            ForeignKey::create()
                .name("identity_document_user_id")
                .from("identity_document", "user_id")
                .to("verification", "user_id"),
        )
        .to_owned()
}

fn audit_entries() -> TableCreateStatement {
    Table::create()
        .table("audit_entry")
        .col(big_integer("number").primary_key().auto_increment())
        .col(timestamp_with_time_zone("at"))
        .col(uuid_null("actor_id"))
        .col(uuid("subject_id"))
        .col(string("action"))
        .col(text("detail"))
        .col(text("request_id"))
        .to_owned()
}
