//! What words find: conditions on gigs, and the words that are meant where nothing begins with what was typed.
//!
//! PostgreSQL looks in the column `search`, SQLite in the FTS5 table `gig_search`. Both hold the title, tags and
//! description in lower case, split at everything but letters and digits, and neither stems, so that one query finds the
//! same gigs in both.

use sea_orm::{ConnectionTrait, DbBackend, QueryResult};

use crate::domain::search::{MISTYPED_MAX, MISTYPED_MIN_CHARS, Term, mistakes_allowed, near, nearest};
use crate::store::Result;
use crate::store::sql::Sql;

/// Of the newest gigs so many are looked through before the index is asked whether a word is there at all: what is
/// common is found among them, and what is not is quickly read from the index.
const COMMON_WITHIN: u64 = 500;

/// Words that may be meant are looked up so many at a time, the nearest first.
const NEAR_AT_ONCE: usize = 20;

/// Where words are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MatchField {
    /// All of them in the title.
    Title,
    /// Anywhere, but not all of them in the title.
    Elsewhere,
    Anywhere,
}

/// The words to look for: what begins nothing that is listed is replaced by the nearest words that are, if any.
///
/// # Errors
/// Where the database does not answer.
pub async fn terms(db: &impl ConnectionTrait, words: Vec<String>) -> Result<Vec<Term>> {
    let mut terms: Vec<_> = words.into_iter().map(Term::Begins).collect();
    if !terms.iter().any(|term| mistyped(term).is_some()) {
        return Ok(terms);
    }
    let is_known = listed(db, &terms).await?;
    let unknown = is_known.iter().filter(|is_known| !**is_known).count();
    if unknown > MISTYPED_MAX {
        return Ok(terms);
    }
    for (term, _) in terms.iter_mut().zip(is_known).filter(|(_, is_known)| !is_known) {
        let near = match mistyped(term) {
            Some(word) => near(word, similar(db, word).await?),
            None => Vec::new(),
        };
        let instead = nearest(still_listed(db, near).await?);
        if !instead.is_empty() {
            *term = Term::AnyOf(instead);
        }
    }
    Ok(terms)
}

/// The word, where it is long enough to be taken for another.
fn mistyped(term: &Term) -> Option<&str> {
    match term {
        Term::Begins(word) => Some(word.as_str()).filter(|word| word.chars().count() >= MISTYPED_MIN_CHARS),
        Term::AnyOf(_) => None,
    }
}

/// Those that a listed gig has, of the nearest: others were listed once or, in SQLite, stand in drafts alone.
async fn still_listed(db: &impl ConnectionTrait, near: Vec<(usize, String)>) -> Result<Vec<(usize, String)>> {
    for near in near.chunks(NEAR_AT_ONCE).take(2) {
        let terms: Vec<_> = near.iter().map(|(_, word)| Term::AnyOf(vec![word.clone()])).collect();
        let is_listed = listed(db, &terms).await?;
        let found = near.iter().zip(is_listed).filter(|(_, is_listed)| *is_listed);
        let found: Vec<_> = found.map(|(near, _)| near.clone()).collect();
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// Whether an ACTIVE gig has it, for each of the terms.
async fn listed(db: &impl ConnectionTrait, terms: &[Term]) -> Result<Vec<bool>> {
    let mut sql = Sql::new(db.get_database_backend());
    sql.push("SELECT ");
    for (number, term) in terms.iter().enumerate() {
        let term = std::slice::from_ref(term);
        sql.push(if number == 0 { "" } else { ", " });
        if sql.backend == DbBackend::Postgres {
            // Counted, since for EXISTS alone PostgreSQL might look through the whole table.
            sql.push("CASE WHEN EXISTS (SELECT 1 FROM (SELECT search FROM gig WHERE status = 'ACTIVE' ");
            sql.push("ORDER BY published_at DESC, id DESC LIMIT ")
                .push_number(COMMON_WITHIN)
                .push(") AS gig WHERE ");
            matches(&mut sql, term, MatchField::Anywhere);
            sql.push(") THEN TRUE ELSE (SELECT COUNT(*) > 0 FROM gig WHERE status = 'ACTIVE' AND ");
            matches(&mut sql, term, MatchField::Anywhere);
            sql.push(") END");
        } else {
            sql.push(
                "EXISTS (SELECT 1 FROM gig_search JOIN gig_search_key AS key ON key.id = gig_search.rowid ",
            );
            sql.push("JOIN gig ON gig.id = key.gig_id WHERE gig_search MATCH ");
            sql.bind(fts_query(term, "")).push(" AND gig.status = 'ACTIVE')");
        }
    }
    let row = db.query_one_raw(sql.into_statement()).await?;
    let at = |number: usize| row.as_ref().map_or(Ok(true), |row: &QueryResult| row.try_get_by_index(number));
    (0..terms.len()).map(at).collect()
}

/// Words that are or were listed, among which are those that `typed` may be meant for: of its length, or so much longer
/// or shorter as it may be wrong.
async fn similar(db: &impl ConnectionTrait, typed: &str) -> Result<Vec<String>> {
    let (chars, allowed) = (typed.chars().count(), mistakes_allowed(typed));
    let (shortest, longest) = (chars.saturating_sub(allowed) as u64, (chars + allowed) as u64);
    let mut sql = Sql::new(db.get_database_backend());
    if sql.backend == DbBackend::Postgres {
        // A function, since how it looks depends on whether pg_trgm is there.
        sql.push("SELECT gig_words_like(").bind(typed).push(", ").push_number(shortest);
        sql.push(", ").push_number(longest).push(")");
    } else {
        sql.push("SELECT term FROM gig_search_word WHERE length(term) BETWEEN ").push_number(shortest);
        sql.push(" AND ").push_number(longest);
    }
    let rows = db.query_all_raw(sql.into_statement()).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// Writes the condition that the gig has every one of the words there. No words at all find nothing.
pub(super) fn matches(sql: &mut Sql, terms: &[Term], place: MatchField) {
    if terms.is_empty() {
        sql.push("1 = 0");
        return;
    }
    match (sql.backend, place) {
        (DbBackend::Postgres, MatchField::Anywhere) => {
            sql.push("gig.search @@ to_tsquery('simple', ").bind(ts_query(terms)).push(")");
        }
        (DbBackend::Postgres, MatchField::Title) => {
            sql.push("ts_filter(gig.search, '{a}') @@ to_tsquery('simple', ").bind(ts_query(terms)).push(")");
        }
        (_, MatchField::Anywhere) => fts(sql, &fts_query(terms, "")),
        (_, MatchField::Title) => fts(sql, &fts_query(terms, "{title} : ")),
        (_, MatchField::Elsewhere) => {
            matches(sql, terms, MatchField::Anywhere);
            sql.push(" AND NOT (");
            matches(sql, terms, MatchField::Title);
            sql.push(")");
        }
    }
}

fn fts(sql: &mut Sql, query: &str) {
    sql.push("gig.id IN (SELECT gig_search_key.gig_id FROM gig_search JOIN gig_search_key ");
    sql.push("ON gig_search_key.id = gig_search.rowid WHERE gig_search MATCH ").bind(query).push(")");
}

/// The words as PostgreSQL's `to_tsquery` has them; they are letters and digits, and nothing of its syntax.
fn ts_query(terms: &[Term]) -> String {
    let one = |term: &Term| match term {
        Term::Begins(word) => format!("{word}:*"),
        Term::AnyOf(words) => format!("({})", words.join(" | ")),
    };
    terms.iter().map(one).collect::<Vec<_>>().join(" & ")
}

/// The words as FTS5's MATCH has them.
fn fts_query(terms: &[Term], column: &str) -> String {
    let one = |term: &Term| match term {
        Term::Begins(word) => format!("{column}\"{word}\" *"),
        Term::AnyOf(words) => {
            let words: Vec<_> = words.iter().map(|word| format!("{column}\"{word}\"")).collect();
            format!("({})", words.join(" OR "))
        }
    };
    terms.iter().map(one).collect::<Vec<_>>().join(" AND ")
}
