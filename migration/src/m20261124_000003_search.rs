//! Creates the full-text index of gigs: title (weight A), tags (B) and description (C).
//!
//! PostgreSQL has a generated column with a GIN index. SQLite has an FTS5 table that triggers fill. Since the
//! row ids of `gig` may change when the file is vacuumed, `gig_search_key` gives each gig a stable number.
//! Both split words at every character that is not a letter or digit, without stemming, so a query finds the
//! same gigs in both.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

const POSTGRES: &str = r"
ALTER TABLE gig ADD COLUMN search tsvector GENERATED ALWAYS AS (
    setweight(to_tsvector('simple', regexp_replace(title, '[^[:alnum:]]+', ' ', 'g')), 'A') ||
    setweight(to_tsvector('simple', regexp_replace(tags::text, '[^[:alnum:]]+', ' ', 'g')), 'B') ||
    setweight(to_tsvector('simple', regexp_replace(description, '[^[:alnum:]]+', ' ', 'g')), 'C')
) STORED;
CREATE INDEX gig_search ON gig USING gin (search);
";

const SQLITE: &str = r"
CREATE TABLE gig_search_key (
    id INTEGER PRIMARY KEY,
    gig_id NOT NULL UNIQUE REFERENCES gig (id) ON DELETE CASCADE
);
CREATE VIRTUAL TABLE gig_search USING fts5 (
    title, tags, description, tokenize = 'unicode61 remove_diacritics 0', prefix = '2 3'
);
CREATE TRIGGER gig_search_insert AFTER INSERT ON gig BEGIN
    INSERT INTO gig_search_key (gig_id) VALUES (new.id);
    INSERT INTO gig_search (rowid, title, tags, description)
        SELECT id, new.title, new.tags, new.description FROM gig_search_key WHERE gig_id = new.id;
END;
CREATE TRIGGER gig_search_update AFTER UPDATE OF title, tags, description ON gig BEGIN
    UPDATE gig_search SET title = new.title, tags = new.tags, description = new.description
        WHERE rowid = (SELECT id FROM gig_search_key WHERE gig_id = new.id);
END;
CREATE TRIGGER gig_search_delete BEFORE DELETE ON gig BEGIN
    DELETE FROM gig_search WHERE rowid = (SELECT id FROM gig_search_key WHERE gig_id = old.id);
END;
";

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = match manager.get_database_backend() {
            DbBackend::Postgres => POSTGRES,
            _ => SQLITE,
        };
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = match manager.get_database_backend() {
            DbBackend::Postgres => "ALTER TABLE gig DROP COLUMN search;",
            _ => {
                "DROP TRIGGER gig_search_insert; DROP TRIGGER gig_search_update; \
                 DROP TRIGGER gig_search_delete; DROP TABLE gig_search; DROP TABLE gig_search_key;"
            }
        };
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}
