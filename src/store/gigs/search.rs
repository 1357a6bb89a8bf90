//! Full-text search of gigs: the conditions of a statement, and corrections of misspelled words.
//!
//! PostgreSQL searches the column `search`, SQLite the FTS5 table `gig_search`. Both contain the words of the
//! title, the tags and the description as [`index`](super::index) writes them, and compare them byte by byte. So a
//! query finds the same gigs in both.

use sea_orm::{ConnectionTrait, DbBackend, QueryResult};

use crate::domain::search::{
    CORRECTED_WORDS_MAX, Lookup, Term, closest_candidates, max_edit_distance, rank_candidates,
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

/// The terms with corrections: a word that is not a prefix of any word of a listed gig is replaced by the most
/// similar words of listed gigs, if any.
pub async fn correct(db: &impl ConnectionTrait, mut terms: Vec<Term>) -> Result<Vec<Term>> {
    if !terms.iter().any(|term| is_correctable(term) || term.parts().iter().any(is_correctable)) {
        return Ok(terms);
    }
    let mut is_known = are_listed(db, &terms).await?;
    let is_unknown_compound = |(term, is_known): (&Term, &bool)| !is_known && !term.parts().is_empty();
    if terms.iter().zip(&is_known).any(is_unknown_compound) {
        // One of its words may be misspelled, so they are looked up one by one.
        terms = split_unknown_compounds(terms, &is_known);
        is_known = are_listed(db, &terms).await?;
    }
    let unknown = is_known.iter().filter(|is_known| !**is_known).count();
    if unknown > CORRECTED_WORDS_MAX {
        return Ok(terms);
    }
    for (term, _) in terms.iter_mut().zip(is_known).filter(|(_, is_known)| !is_known) {
        let candidates = match term.correctable_word() {
            Some(word) => rank_candidates(word, similar_words(db, word).await?),
            None => Vec::new(),
        };
        let corrections = closest_candidates(filter_listed(db, candidates).await?);
        if !corrections.is_empty() {
            *term = Term::any_of(corrections);
        }
    }
    Ok(terms)
}

fn is_correctable(term: &Term) -> bool {
    term.correctable_word().is_some()
}

/// The terms, with the words of each compound that no listed gig has as terms of their own.
fn split_unknown_compounds(terms: Vec<Term>, is_known: &[bool]) -> Vec<Term> {
    let split = |(term, is_known): (Term, &bool)| match term.parts() {
        parts if *is_known || parts.is_empty() => vec![term],
        parts => parts,
    };
    terms.into_iter().zip(is_known).flat_map(split).collect()
}

/// Those of the words that occur in a listed gig, from the first batch that has any. The other words occur
/// only in gigs that are not listed: formerly listed ones or, in SQLite, also drafts.
async fn filter_listed(
    db: &impl ConnectionTrait,
    candidates: Vec<(usize, String)>,
) -> Result<Vec<(usize, String)>> {
    for batch in candidates.chunks(CANDIDATES_PER_STATEMENT).take(2) {
        let terms: Vec<_> = batch.iter().map(|(_, word)| Term::any_of(vec![word.clone()])).collect();
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
            sql.bind(fts_query(term)).push(" AND gig.status = 'ACTIVE')");
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
            sql.push("gig.search @@ CAST(").bind(ts_query(terms)).push(" AS tsquery)");
        }
        (DbBackend::Postgres, MatchField::Title) => {
            sql.push("ts_filter(gig.search, '{a}') @@ CAST(").bind(ts_query(terms)).push(" AS tsquery)");
        }
        (_, MatchField::Anywhere) => fts_condition(sql, &fts_query(terms)),
        (_, MatchField::Title) => fts_condition(sql, &format!("{{title}} : ({})", fts_query(terms))),
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

/// The terms in the syntax of PostgreSQL's type `tsquery`.
fn ts_query(terms: &[Term]) -> String {
    let quoted = |word: &str| format!("'{}'", word.replace('\\', "\\\\").replace('\'', "''"));
    let to_text = |lookup: &Lookup| match lookup {
        Lookup::Exact(word) => quoted(word),
        Lookup::Prefix(word) => format!("{}:*", quoted(word)),
    };
    boolean_query(terms, " & ", " | ", to_text)
}

/// The terms in the syntax of FTS5's `MATCH`.
fn fts_query(terms: &[Term]) -> String {
    let quoted = |word: &str| format!("\"{}\"", word.replace('"', "\"\""));
    let to_text = |lookup: &Lookup| match lookup {
        Lookup::Exact(word) => quoted(word),
        Lookup::Prefix(word) => format!("{} *", quoted(word)),
    };
    boolean_query(terms, " AND ", " OR ", to_text)
}

/// All terms, each of which has one of its alternatives.
fn boolean_query(terms: &[Term], and: &str, or: &str, to_text: impl Fn(&Lookup) -> String) -> String {
    let all = |lookups: Vec<Lookup>| lookups.iter().map(&to_text).collect::<Vec<_>>().join(and);
    let alternatives = |term: &Term| match term.alternatives().map(all).collect::<Vec<_>>().as_slice() {
        [only] => only.clone(),
        several => format!("(({}))", several.join(&format!("){or}("))),
    };
    terms.iter().map(alternatives).collect::<Vec<_>>().join(and)
}
