//! Full-text search of gigs: the conditions of a statement, and corrections of misspelled words.
//!
//! PostgreSQL searches the column `search`, SQLite the FTS5 table `gig_search`. Both contain the words of the
//! title, the tags and the description: in lower case, split at every character that is not a letter or
//! digit, and without stemming. So a query finds the same gigs in both.

use sea_orm::{ConnectionTrait, DbBackend, QueryResult};

use crate::domain::search::{
    CORRECTED_WORDS_MAX, CORRECTION_MIN_CHARS, Term, closest_candidates, max_edit_distance, rank_candidates,
};
use crate::store::Result;
use crate::store::sql::Sql;

/// How many of the newest gigs are searched for a word before the full-text index is. Common words occur in
/// these gigs. For rare words, reading the index is cheap, since it has few entries.
const WINDOW_SIZE: u64 = 500;

/// How many similar words one statement looks up, the most similar ones first.
const CANDIDATES_PER_STATEMENT: usize = 20;

/// The part of a gig that must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MatchField {
    /// Every term matches in the title.
    Title,
    /// Every term matches, but not all of them in the title.
    Elsewhere,
    /// Every term matches in the title, the tags or the description.
    Anywhere,
}

/// The search terms for these words. A word that is not a prefix of any word of a listed gig is replaced by
/// the most similar words of listed gigs, if any.
pub async fn terms(db: &impl ConnectionTrait, words: Vec<String>) -> Result<Vec<Term>> {
    let mut terms: Vec<_> = words.into_iter().map(Term::Prefix).collect();
    if !terms.iter().any(|term| correctable_word(term).is_some()) {
        return Ok(terms);
    }
    let is_known = are_listed(db, &terms).await?;
    let unknown = is_known.iter().filter(|is_known| !**is_known).count();
    if unknown > CORRECTED_WORDS_MAX {
        return Ok(terms);
    }
    for (term, _) in terms.iter_mut().zip(is_known).filter(|(_, is_known)| !is_known) {
        let candidates = match correctable_word(term) {
            Some(word) => rank_candidates(word, similar_words(db, word).await?),
            None => Vec::new(),
        };
        let corrections = closest_candidates(filter_listed(db, candidates).await?);
        if !corrections.is_empty() {
            *term = Term::AnyOf(corrections);
        }
    }
    Ok(terms)
}

/// The word of a term, if it is long enough to be corrected.
fn correctable_word(term: &Term) -> Option<&str> {
    match term {
        Term::Prefix(word) => Some(word.as_str()).filter(|word| word.chars().count() >= CORRECTION_MIN_CHARS),
        Term::AnyOf(_) => None,
    }
}

/// Those of the words that occur in a listed gig, from the first batch that has any. The other words occur
/// only in gigs that are not listed: formerly listed ones or, in SQLite, also drafts.
async fn filter_listed(
    db: &impl ConnectionTrait,
    candidates: Vec<(usize, String)>,
) -> Result<Vec<(usize, String)>> {
    for batch in candidates.chunks(CANDIDATES_PER_STATEMENT).take(2) {
        let terms: Vec<_> = batch.iter().map(|(_, word)| Term::AnyOf(vec![word.clone()])).collect();
        let is_listed = are_listed(db, &terms).await?;
        let listed = batch.iter().zip(is_listed).filter(|(_, is_listed)| *is_listed);
        let listed: Vec<_> = listed.map(|(candidate, _)| candidate.clone()).collect();
        if !listed.is_empty() {
            return Ok(listed);
        }
    }
    Ok(Vec::new())
}

/// For each term, whether an ACTIVE gig matches it.
async fn are_listed(db: &impl ConnectionTrait, terms: &[Term]) -> Result<Vec<bool>> {
    let mut sql = Sql::new(db.get_database_backend());
    sql.push("SELECT ");
    for (number, term) in terms.iter().enumerate() {
        let term = std::slice::from_ref(term);
        sql.push(if number == 0 { "" } else { ", " });
        if sql.backend == DbBackend::Postgres {
            // The second part uses COUNT(*), since PostgreSQL might scan the whole table for EXISTS.
            sql.push("CASE WHEN EXISTS (SELECT 1 FROM (SELECT search FROM gig WHERE status = 'ACTIVE' ");
            sql.push("ORDER BY published_at DESC, id DESC LIMIT ")
                .push_number(WINDOW_SIZE)
                .push(") AS gig WHERE ");
            match_conditions(&mut sql, term, MatchField::Anywhere);
            sql.push(") THEN TRUE ELSE (SELECT COUNT(*) > 0 FROM gig WHERE status = 'ACTIVE' AND ");
            match_conditions(&mut sql, term, MatchField::Anywhere);
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

/// Words of gigs, now or formerly listed, whose length differs from that of `typed` by at most the number of
/// allowed mistakes. On PostgreSQL with `pg_trgm`, only words that share trigrams with it.
async fn similar_words(db: &impl ConnectionTrait, typed: &str) -> Result<Vec<String>> {
    let (chars, allowed) = (typed.chars().count(), max_edit_distance(typed));
    let (shortest, longest) = (chars.saturating_sub(allowed) as u64, (chars + allowed) as u64);
    let mut sql = Sql::new(db.get_database_backend());
    if sql.backend == DbBackend::Postgres {
        // A function of the database, whose body depends on whether the extension pg_trgm is available.
        sql.push("SELECT gig_words_like(").bind(typed).push(", ").push_number(shortest);
        sql.push(", ").push_number(longest).push(")");
    } else {
        sql.push("SELECT term FROM gig_search_word WHERE length(term) BETWEEN ").push_number(shortest);
        sql.push(" AND ").push_number(longest);
    }
    let rows = db.query_all_raw(sql.into_statement()).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// Writes the condition that the gig matches every term in `field`. An empty list of terms matches nothing.
pub(super) fn match_conditions(sql: &mut Sql, terms: &[Term], field: MatchField) {
    if terms.is_empty() {
        sql.push("1 = 0");
        return;
    }
    match (sql.backend, field) {
        (DbBackend::Postgres, MatchField::Anywhere) => {
            sql.push("gig.search @@ to_tsquery('simple', ").bind(ts_query(terms)).push(")");
        }
        (DbBackend::Postgres, MatchField::Title) => {
            sql.push("ts_filter(gig.search, '{a}') @@ to_tsquery('simple', ").bind(ts_query(terms)).push(")");
        }
        (_, MatchField::Anywhere) => fts_condition(sql, &fts_query(terms, "")),
        (_, MatchField::Title) => fts_condition(sql, &fts_query(terms, "{title} : ")),
        (_, MatchField::Elsewhere) => {
            match_conditions(sql, terms, MatchField::Anywhere);
            sql.push(" AND NOT (");
            match_conditions(sql, terms, MatchField::Title);
            sql.push(")");
        }
    }
}

fn fts_condition(sql: &mut Sql, query: &str) {
    sql.push("gig.id IN (SELECT gig_search_key.gig_id FROM gig_search JOIN gig_search_key ");
    sql.push("ON gig_search_key.id = gig_search.rowid WHERE gig_search MATCH ").bind(query).push(")");
}

/// The terms in the syntax of PostgreSQL's `to_tsquery`. Words are letters and digits, so they need no
/// escaping.
fn ts_query(terms: &[Term]) -> String {
    let to_text = |term: &Term| match term {
        Term::Prefix(word) => format!("{word}:*"),
        Term::AnyOf(words) => format!("({})", words.join(" | ")),
    };
    terms.iter().map(to_text).collect::<Vec<_>>().join(" & ")
}

/// The terms in the syntax of FTS5's `MATCH`; `column` is a column filter or empty.
fn fts_query(terms: &[Term], column: &str) -> String {
    let to_text = |term: &Term| match term {
        Term::Prefix(word) => format!("{column}\"{word}\" *"),
        Term::AnyOf(words) => {
            let words: Vec<_> = words.iter().map(|word| format!("{column}\"{word}\"")).collect();
            format!("({})", words.join(" OR "))
        }
    };
    terms.iter().map(to_text).collect::<Vec<_>>().join(" AND ")
}
