//! Lets the gateway write the words by which a search finds a gig, in the same form on both databases.
//!
//! Until then, the databases made them: they differed in what a letter is, and had accents and marks. The column
//! `search` of PostgreSQL is not generated any more. The FTS5 table of SQLite splits words only at spaces and ASCII
//! punctuation. A background job of the gateway replaces the words of existing gigs; `search_folding` says which gigs
//! it has done, and `search_gig_version` which version of the gig the words are from. Gateways of earlier versions do
//! not write these columns. If they change a gig, triggers let the job do it again.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

const POSTGRES: &str = r"
-- Where there are many gigs, this takes longer than a request may.
SET LOCAL statement_timeout = 0;
ALTER TABLE gig ALTER COLUMN search DROP EXPRESSION;
ALTER TABLE gig ADD COLUMN search_folding integer NOT NULL DEFAULT 0,
    ADD COLUMN search_gig_version integer NOT NULL DEFAULT 0;
CREATE INDEX gig_search_folding ON gig (search_folding, id);

CREATE FUNCTION gig_search_of_earlier_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search_folding := 0;
    IF TG_OP = 'INSERT' OR (NEW.title, NEW.tags::text, NEW.description)
        IS DISTINCT FROM (OLD.title, OLD.tags::text, OLD.description) THEN
        NEW.search :=
            setweight(to_tsvector('simple', regexp_replace(NEW.title, '[^[:alnum:]]+', ' ', 'g')), 'A') ||
            setweight(to_tsvector('simple', regexp_replace(NEW.tags::text, '[^[:alnum:]]+', ' ', 'g')), 'B') ||
            setweight(to_tsvector('simple', regexp_replace(NEW.description, '[^[:alnum:]]+', ' ', 'g')), 'C');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER gig_search_of_earlier_version BEFORE INSERT OR UPDATE ON gig FOR EACH ROW
    WHEN (NEW.search_gig_version <> NEW.version) EXECUTE FUNCTION gig_search_of_earlier_version();
";

const POSTGRES_DOWN: &str = r"
SET LOCAL statement_timeout = 0;
DROP TRIGGER gig_search_of_earlier_version ON gig;
DROP FUNCTION gig_search_of_earlier_version;
DROP TRIGGER gig_words_updated ON gig;
ALTER TABLE gig DROP COLUMN search, DROP COLUMN search_folding, DROP COLUMN search_gig_version;
ALTER TABLE gig ADD COLUMN search tsvector GENERATED ALWAYS AS (
    setweight(to_tsvector('simple', regexp_replace(title, '[^[:alnum:]]+', ' ', 'g')), 'A') ||
    setweight(to_tsvector('simple', regexp_replace(tags::text, '[^[:alnum:]]+', ' ', 'g')), 'B') ||
    setweight(to_tsvector('simple', regexp_replace(description, '[^[:alnum:]]+', ' ', 'g')), 'C')
) STORED;
CREATE INDEX gig_search ON gig USING gin (search) WITH (gin_pending_list_limit = 256);
CREATE INDEX gig_search_title ON gig USING gin (ts_filter(search, '{a}')) WITH (gin_pending_list_limit = 256);
CREATE TRIGGER gig_words_updated AFTER UPDATE ON gig FOR EACH ROW
    WHEN (NEW.status = 'ACTIVE' AND (OLD.status <> 'ACTIVE' OR OLD.search IS DISTINCT FROM NEW.search))
    EXECUTE FUNCTION gig_note_words();
INSERT INTO gig_word
SELECT DISTINCT word FROM gig, unnest(tsvector_to_array(search)) AS word
WHERE status = 'ACTIVE' AND length(word) > 2 ORDER BY word
ON CONFLICT DO NOTHING;
";

/// Until the job has replaced them, the words are those of the texts as they are.
const SQLITE: &str = r#"
DROP TRIGGER gig_search_insert;
DROP TRIGGER gig_search_update;
DROP TABLE gig_search_word;
DROP TABLE gig_search;
CREATE VIRTUAL TABLE gig_search USING fts5 (
    title, tags, description, tokenize = "ascii tokenchars '+#.'", prefix = '2 3'
);
CREATE VIRTUAL TABLE gig_search_word USING fts5vocab (gig_search, row);
INSERT INTO gig_search (rowid, title, tags, description)
    SELECT key.id, replace(title, '.', ' '), replace(tags, '.', ' '), replace(description, '.', ' ')
    FROM gig JOIN gig_search_key AS key ON key.gig_id = gig.id;

ALTER TABLE gig ADD COLUMN search_folding INTEGER NOT NULL DEFAULT 0;
ALTER TABLE gig ADD COLUMN search_gig_version INTEGER NOT NULL DEFAULT 0;
CREATE INDEX gig_search_folding ON gig (search_folding, id);
CREATE TRIGGER gig_search_insert AFTER INSERT ON gig BEGIN
    INSERT INTO gig_search_key (gig_id) VALUES (new.id);
END;
CREATE TRIGGER gig_search_of_earlier_version AFTER UPDATE ON gig
    WHEN new.search_gig_version <> new.version AND new.search_folding <> 0 BEGIN
    UPDATE gig SET search_folding = 0 WHERE id = new.id;
END;
"#;

const SQLITE_DOWN: &str = r"
DROP TRIGGER gig_search_of_earlier_version;
DROP TRIGGER gig_search_insert;
DROP INDEX gig_search_folding;
ALTER TABLE gig DROP COLUMN search_folding;
ALTER TABLE gig DROP COLUMN search_gig_version;
DROP TABLE gig_search_word;
DROP TABLE gig_search;
CREATE VIRTUAL TABLE gig_search USING fts5 (
    title, tags, description, tokenize = 'unicode61 remove_diacritics 0', prefix = '2 3'
);
CREATE VIRTUAL TABLE gig_search_word USING fts5vocab (gig_search, row);
INSERT INTO gig_search (rowid, title, tags, description)
    SELECT key.id, title, tags, description FROM gig JOIN gig_search_key AS key ON key.gig_id = gig.id;
CREATE TRIGGER gig_search_insert AFTER INSERT ON gig BEGIN
    INSERT INTO gig_search_key (gig_id) VALUES (new.id);
    INSERT INTO gig_search (rowid, title, tags, description)
        SELECT id, new.title, new.tags, new.description FROM gig_search_key WHERE gig_id = new.id;
END;
CREATE TRIGGER gig_search_update AFTER UPDATE OF title, tags, description ON gig BEGIN
    UPDATE gig_search SET title = new.title, tags = new.tags, description = new.description
        WHERE rowid = (SELECT id FROM gig_search_key WHERE gig_id = new.id);
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
            DbBackend::Postgres => POSTGRES_DOWN,
            _ => SQLITE_DOWN,
        };
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}
