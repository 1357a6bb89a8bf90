//! Adds what the lists of gigs need: the words of listed gigs, to correct misspelled search terms; a
//! full-text index of titles; an index of the listed gigs of a seller.
//!
//! PostgreSQL has a table of words that triggers fill when a gig is listed. SQLite reads the words from its
//! full-text index. If the extension pg_trgm is available, similar words are found by trigrams; otherwise a
//! search compares all words of a similar length.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

const POSTGRES: &str = r#"
-- Where there are many gigs, this takes longer than a request may.
SET LOCAL statement_timeout = 0;
CREATE INDEX gig_search_title ON gig USING gin (ts_filter(search, '{a}')) WITH (gin_pending_list_limit = 256);
-- What is new waits in a list until it is worked in, and every search looks through that: a short one.
ALTER INDEX gig_search SET (gin_pending_list_limit = 256);

CREATE TABLE gig_word (word text COLLATE "C" PRIMARY KEY);

CREATE FUNCTION gig_note_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- In order, so that two who add the same words never wait for each other in a circle.
    INSERT INTO gig_word
    SELECT DISTINCT word FROM unnest(tsvector_to_array(NEW.search)) AS word WHERE length(word) > 2 ORDER BY word
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE FUNCTION gig_note_all_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO gig_word
    SELECT DISTINCT word FROM added, unnest(tsvector_to_array(added.search)) AS word
    WHERE added.status = 'ACTIVE' AND length(word) > 2 ORDER BY word
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER gig_words_inserted AFTER INSERT ON gig
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION gig_note_all_words();
CREATE TRIGGER gig_words_updated AFTER UPDATE ON gig FOR EACH ROW
    WHEN (NEW.status = 'ACTIVE' AND (OLD.status <> 'ACTIVE' OR OLD.search IS DISTINCT FROM NEW.search))
    EXECUTE FUNCTION gig_note_words();

INSERT INTO gig_word
SELECT DISTINCT word FROM gig, unnest(tsvector_to_array(search)) AS word
WHERE status = 'ACTIVE' AND length(word) > 2 ORDER BY word;

-- All of it, or nothing: it may be forbidden, missing, or in a schema that is not looked in.
DO $$ BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX gig_word_trigrams ON gig_word USING gin (word gin_trgm_ops);
    -- A short word with two letters swapped shares one trigram of ten with what was meant.
    CREATE FUNCTION gig_words_like(typed text, shortest int, longest int) RETURNS SETOF text LANGUAGE sql STABLE
        SET pg_trgm.similarity_threshold = 0.1 AS
        'SELECT word FROM gig_word WHERE word % typed AND length(word) BETWEEN shortest AND longest
         ORDER BY similarity(word, typed) DESC LIMIT 1000';
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'pg_trgm is not to be had: mistyped words are compared with every word of their length';
    CREATE FUNCTION gig_words_like(typed text, shortest int, longest int) RETURNS SETOF text LANGUAGE sql STABLE AS
        'SELECT word FROM gig_word WHERE length(word) BETWEEN shortest AND longest';
END $$;
"#;

const SQLITE: &str = r"
CREATE VIRTUAL TABLE gig_search_word USING fts5vocab (gig_search, row);
";

/// The listed gigs of a seller, in the order of publication.
const SELLER_INDEX: &str =
    "CREATE INDEX gig_seller_newest ON gig (seller_id, published_at, id) WHERE status = 'ACTIVE'";

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
        for sql in [sql, SELLER_INDEX] {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = match manager.get_database_backend() {
            DbBackend::Postgres => {
                "DROP TRIGGER gig_words_inserted ON gig; DROP TRIGGER gig_words_updated ON gig; \
                 DROP FUNCTION gig_note_words; DROP FUNCTION gig_note_all_words; DROP FUNCTION gig_words_like; \
                 DROP TABLE gig_word; DROP INDEX gig_search_title; \
                 ALTER INDEX gig_search RESET (gin_pending_list_limit);"
            }
            _ => "DROP TABLE gig_search_word;",
        };
        for sql in [sql, "DROP INDEX gig_seller_newest"] {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }
}
