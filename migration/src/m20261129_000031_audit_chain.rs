//! Chains the entries of the audit trail: each gets a keyed hash (`mac`) over itself and the one before, and a row of
//! `audit_head` names the last one. An entry also says from where the act came, and may be about nobody.
//!
//! The hashes of existing entries are computed when a gateway starts, since a migration has no keys. From then on, the
//! database refuses an entry without one.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, binary, binary_null, integer, string, string_null, text, timestamp_with_time_zone, uuid_null,
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
        let db = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Postgres {
            db.execute_unprepared(POSTGRES_ENTRIES).await?;
        } else {
            // SQLite cannot make a column nullable. Dropping a table fires no triggers.
            manager.create_table(sqlite_entries()).await?;
            db.execute_unprepared(SQLITE_COPY).await?;
        }
        manager.create_table(head()).await?;
        manager.create_table(checkpoints()).await?;
        for index in INDEXES {
            db.execute_unprepared(index).await?;
        }
        let triggers = match manager.get_database_backend() {
            DbBackend::Postgres => POSTGRES_TRIGGERS,
            _ => SQLITE_TRIGGERS,
        };
        db.execute_unprepared(triggers).await?;
        Ok(())
    }

    /// Entries about nobody are lost: the earlier version cannot store them.
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        for table in ["audit_checkpoint", "audit_head"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        let sql = match manager.get_database_backend() {
            DbBackend::Postgres => POSTGRES_DOWN,
            _ => SQLITE_DOWN,
        };
        db.execute_unprepared(sql).await?;
        Ok(())
    }
}

const POSTGRES_ENTRIES: &str = r"
DROP TRIGGER audit_entry_kept ON audit_entry;
DROP FUNCTION audit_entry_is_kept();
ALTER TABLE audit_entry ALTER COLUMN subject_id DROP NOT NULL,
    ADD COLUMN source varchar NOT NULL DEFAULT 'SYSTEM', ADD COLUMN operator varchar, ADD COLUMN mac bytea;
UPDATE audit_entry SET source = 'API' WHERE actor_id IS NOT NULL;
ALTER TABLE audit_entry ALTER COLUMN source DROP DEFAULT,
    ADD CONSTRAINT audit_entry_is_chained CHECK (mac IS NOT NULL) NOT VALID;
";

fn sqlite_entries() -> TableCreateStatement {
    Table::create()
        .table("audit_entry_new")
        .col(big_integer("number").primary_key().auto_increment())
        .col(timestamp_with_time_zone("at"))
        .col(uuid_null("actor_id"))
        .col(uuid_null("subject_id"))
        .col(string("source"))
        .col(string_null("operator"))
        .col(string("action"))
        .col(text("detail"))
        .col(text("request_id"))
        .col(binary_null("mac"))
        .to_owned()
}

const SQLITE_COPY: &str = r"
INSERT INTO audit_entry_new (number, at, actor_id, subject_id, source, action, detail, request_id)
    SELECT number, at, actor_id, subject_id, CASE WHEN actor_id IS NULL THEN 'SYSTEM' ELSE 'API' END,
        action, detail, request_id FROM audit_entry ORDER BY number;
DROP TABLE audit_entry;
ALTER TABLE audit_entry_new RENAME TO audit_entry;
CREATE INDEX audit_entry_subject ON audit_entry (subject_id, number);
";

/// The number and the hash of the last entry, the number of all entries, and a keyed hash of these.
fn head() -> TableCreateStatement {
    Table::create()
        .table("audit_head")
        .col(integer("id").primary_key())
        .col(big_integer("number"))
        .col(big_integer("count"))
        .col(binary("mac"))
        .col(binary("tag"))
        .to_owned()
}

/// What retention has removed from the beginning of the trail: the number and the hash of the last removed entry, and
/// the number of all that were removed.
fn checkpoints() -> TableCreateStatement {
    Table::create()
        .table("audit_checkpoint")
        .col(big_integer("number").primary_key())
        .col(big_integer("count"))
        .col(timestamp_with_time_zone("last_at"))
        .col(binary("mac"))
        .col(timestamp_with_time_zone("removed_at"))
        .col(binary("signature"))
        .to_owned()
}

const INDEXES: [&str; 1] =
    ["CREATE INDEX audit_entry_actor ON audit_entry (actor_id, number) WHERE actor_id IS NOT NULL"];

/// An entry may only get its hash, once.
const POSTGRES_TRIGGERS: &str = r"
CREATE FUNCTION audit_entry_is_kept() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.mac IS NULL AND NEW.mac IS NOT NULL AND
            (NEW.number, NEW.at, NEW.actor_id, NEW.subject_id, NEW.source, NEW.operator, NEW.action, NEW.detail,
                NEW.request_id) IS NOT DISTINCT FROM
            (OLD.number, OLD.at, OLD.actor_id, OLD.subject_id, OLD.source, OLD.operator, OLD.action, OLD.detail,
                OLD.request_id) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit trail can only be added to';
END $$;
CREATE FUNCTION audit_trail_is_kept() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit trail can only be added to'; END $$;
CREATE TRIGGER audit_entry_kept BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_entry_is_kept();
CREATE TRIGGER audit_entry_not_truncated BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_trail_is_kept();
CREATE TRIGGER audit_checkpoint_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION audit_trail_is_kept();
CREATE TRIGGER audit_head_kept BEFORE DELETE OR TRUNCATE ON audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION audit_trail_is_kept();
";

/// `INSERT OR REPLACE` deletes a row without firing the triggers of DELETE.
const SQLITE_TRIGGERS: &str = r"
CREATE TRIGGER audit_entry_is_chained BEFORE INSERT ON audit_entry WHEN NEW.mac IS NULL BEGIN
    SELECT RAISE(ABORT, 'an entry of the audit trail needs its hash');
END;
CREATE TRIGGER audit_entry_not_replaced BEFORE INSERT ON audit_entry
WHEN EXISTS (SELECT 1 FROM audit_entry WHERE number = NEW.number) BEGIN
    SELECT RAISE(ABORT, 'the audit trail can only be added to');
END;
CREATE TRIGGER audit_checkpoint_not_replaced BEFORE INSERT ON audit_checkpoint
WHEN EXISTS (SELECT 1 FROM audit_checkpoint WHERE number = NEW.number) BEGIN
    SELECT RAISE(ABORT, 'the audit trail can only be added to');
END;
CREATE TRIGGER audit_entry_not_updated BEFORE UPDATE ON audit_entry
WHEN NOT (OLD.mac IS NULL AND NEW.mac IS NOT NULL AND
    (NEW.number, NEW.at, NEW.actor_id, NEW.subject_id, NEW.source, NEW.operator, NEW.action, NEW.detail,
        NEW.request_id) IS
    (OLD.number, OLD.at, OLD.actor_id, OLD.subject_id, OLD.source, OLD.operator, OLD.action, OLD.detail,
        OLD.request_id)) BEGIN
    SELECT RAISE(ABORT, 'the audit trail can only be added to');
END;
CREATE TRIGGER audit_entry_not_deleted BEFORE DELETE ON audit_entry BEGIN
    SELECT RAISE(ABORT, 'the audit trail can only be added to');
END;
CREATE TRIGGER audit_checkpoint_not_updated BEFORE UPDATE ON audit_checkpoint BEGIN
    SELECT RAISE(ABORT, 'the audit trail can only be added to');
END;
CREATE TRIGGER audit_checkpoint_not_deleted BEFORE DELETE ON audit_checkpoint BEGIN
    SELECT RAISE(ABORT, 'the audit trail can only be added to');
END;
CREATE TRIGGER audit_head_not_deleted BEFORE DELETE ON audit_head BEGIN
    SELECT RAISE(ABORT, 'the audit trail can only be added to');
END;
";

const POSTGRES_DOWN: &str = r"
DROP TRIGGER audit_entry_kept ON audit_entry;
DROP TRIGGER audit_entry_not_truncated ON audit_entry;
DROP FUNCTION audit_entry_is_kept();
DROP FUNCTION audit_trail_is_kept();
DROP INDEX audit_entry_actor;
DELETE FROM audit_entry WHERE subject_id IS NULL;
ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_is_chained, DROP COLUMN source, DROP COLUMN operator,
    DROP COLUMN mac, ALTER COLUMN subject_id SET NOT NULL;
CREATE FUNCTION audit_entry_is_kept() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit trail can only be added to'; END $$;
CREATE TRIGGER audit_entry_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_is_kept();
";

const SQLITE_DOWN: &str = r"
DROP TRIGGER audit_entry_is_chained;
DROP TRIGGER audit_entry_not_replaced;
DROP TRIGGER audit_entry_not_updated;
DROP TRIGGER audit_entry_not_deleted;
DROP INDEX audit_entry_actor;
DELETE FROM audit_entry WHERE subject_id IS NULL;
ALTER TABLE audit_entry DROP COLUMN source;
ALTER TABLE audit_entry DROP COLUMN operator;
ALTER TABLE audit_entry DROP COLUMN mac;
CREATE TRIGGER audit_entry_not_updated BEFORE UPDATE ON audit_entry BEGIN
    SELECT RAISE(ABORT, 'the audit trail can only be added to');
END;
CREATE TRIGGER audit_entry_not_deleted BEFORE DELETE ON audit_entry BEGIN
    SELECT RAISE(ABORT, 'the audit trail can only be added to');
END;
";
