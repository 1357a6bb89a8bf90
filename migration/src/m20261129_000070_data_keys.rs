//! Lets verifications, identity documents and `review_key` name their data keys, which have their own table: with
//! PostgreSQL in the schema `gigway_keys`, with SQLite in a file of their own (`gigway::store::moved_keys` moves the
//! keys after the migration). A form has the version of the verification that it is encrypted for.
//!
//! Gateways of earlier versions do not find the moved keys, and would generate others. A trigger refuses that.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{binary, pk_uuid, string, uuid, uuid_null};
use sea_orm_migration::sea_orm::DbBackend;

const SQL: &str = r"
UPDATE verification SET data_key_id = user_id WHERE wrapped_key IS NOT NULL;
UPDATE identity_document SET data_key_id = user_id;
CREATE INDEX verification_data_key ON verification (data_key_id) WHERE data_key_id IS NOT NULL;
CREATE INDEX identity_document_data_key ON identity_document (data_key_id) WHERE data_key_id IS NOT NULL;
CREATE INDEX verification_form_of_earlier_version ON verification (user_id)
    WHERE personal_info IS NOT NULL AND personal_info_version IS NULL;
";

const POSTGRES: &str = r"
CREATE FUNCTION verification_key_has_its_table() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'data keys have their own table: this gateway is too old for the database'; END $$;
CREATE TRIGGER verification_key_added BEFORE INSERT ON verification FOR EACH ROW
    WHEN (NEW.wrapped_key IS NOT NULL) EXECUTE FUNCTION verification_key_has_its_table();
CREATE TRIGGER verification_key_changed BEFORE UPDATE ON verification FOR EACH ROW
    WHEN (OLD.wrapped_key IS NULL AND NEW.wrapped_key IS NOT NULL)
    EXECUTE FUNCTION verification_key_has_its_table();
";

/// With the option `secure-delete`, the full-text index has no words of removed texts. `optimize` removes older ones.
const SQLITE: &str = r"
CREATE TRIGGER verification_key_added BEFORE INSERT ON verification WHEN new.wrapped_key IS NOT NULL BEGIN
    SELECT RAISE(ABORT, 'data keys have their own table: this gateway is too old for the database');
END;
CREATE TRIGGER verification_key_changed BEFORE UPDATE ON verification
    WHEN old.wrapped_key IS NULL AND new.wrapped_key IS NOT NULL BEGIN
    SELECT RAISE(ABORT, 'data keys have their own table: this gateway is too old for the database');
END;
INSERT INTO gig_search (gig_search, rank) VALUES ('secure-delete', 1);
INSERT INTO gig_search (gig_search) VALUES ('optimize');
";

/// The columns of the keys of what reviewers write, as the migration 30 creates them.
fn wrapped_review_keys(table: &'static str) -> TableCreateStatement {
    let mut create = Table::create();
    create.table(table);
    for column in [pk_uuid("user_id"), string("key_id"), binary("wrapped_key")] {
        create.col(column);
    }
    create.take()
}

/// `review_key` names the keys from now on. Those that it has are put aside, until the gateway has moved them.
async fn replace_review_keys(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    manager.create_table(wrapped_review_keys("old_review_key")).await?;
    let sql = "INSERT INTO old_review_key SELECT user_id, key_id, wrapped_key FROM review_key;
        DROP TABLE review_key";
    connection.execute_unprepared(sql).await?;
    let table = Table::create()
        .table("review_key")
        .col(pk_uuid("user_id"))
        .col(uuid("data_key_id"))
        .col(uuid_null("lost_key_id"))
        .foreign_key(&mut review_key_of_user())
        .to_owned();
    manager.create_table(table).await?;
    let indexes = "CREATE INDEX review_key_data_key ON review_key (data_key_id);
        CREATE INDEX review_key_lost_key ON review_key (lost_key_id) WHERE lost_key_id IS NOT NULL";
    connection.execute_unprepared(indexes).await.map(drop)
}

fn review_key_of_user() -> ForeignKeyCreateStatement {
    ForeignKey::create().name("review_key_user_id").from("review_key", "user_id").to("user", "id").to_owned()
}

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [
            ("verification", ColumnDef::new("data_key_id").uuid().null().to_owned()),
            ("verification", ColumnDef::new("personal_info_version").integer().null().to_owned()),
            ("identity_document", ColumnDef::new("data_key_id").uuid().null().to_owned()),
        ] {
            manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
        }
        let discarded = Table::create().table("discarded_data_key").col(uuid("id").primary_key()).to_owned();
        manager.create_table(discarded).await?;
        let connection = manager.get_connection();
        connection.execute_unprepared(SQL).await?;
        replace_review_keys(manager).await?;
        let sql = match manager.get_database_backend() {
            DbBackend::Postgres => POSTGRES,
            _ => SQLITE,
        };
        connection.execute_unprepared(sql).await?;
        Ok(())
    }

    /// What moved keys have encrypted is lost.
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let sql = if manager.get_database_backend() == DbBackend::Postgres {
            "DROP TRIGGER verification_key_added ON verification;
                DROP TRIGGER verification_key_changed ON verification;
                DROP FUNCTION verification_key_has_its_table;"
        } else {
            "DROP TRIGGER verification_key_added; DROP TRIGGER verification_key_changed;
                INSERT INTO gig_search (gig_search, rank) VALUES ('secure-delete', 0);"
        };
        connection.execute_unprepared(sql).await?;
        let indexes =
            ["verification_data_key", "identity_document_data_key", "verification_form_of_earlier_version"];
        for index in indexes {
            connection.execute_unprepared(&format!("DROP INDEX {index}")).await?;
        }
        for table in ["discarded_data_key", "old_review_key", "review_key"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        let mut before = wrapped_review_keys("review_key");
        manager.create_table(before.foreign_key(&mut review_key_of_user()).to_owned()).await?;
        let index = "CREATE INDEX review_key_key ON review_key (key_id, user_id)";
        connection.execute_unprepared(index).await?;
        for (table, column) in [
            ("verification", "data_key_id"),
            ("verification", "personal_info_version"),
            ("identity_document", "data_key_id"),
        ] {
            manager.alter_table(Table::alter().table(table).drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
