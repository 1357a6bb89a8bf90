//! The search index of gigs: the words of the title, the tags and the description, cut and folded by
//! [`indexed_words`].
//!
//! PostgreSQL has them in the column `gig.search`, with weights for title (A), tags (B) and description (C). SQLite
//! has them in the FTS5 table `gig_search`. On both, `gig.search_folding` is the [`FOLDING_VERSION`] that they were
//! made with, and `gig.search_gig_version` the version of the gig that they were made from. If a gateway of an earlier
//! version changes a gig, it does not know these columns; then a trigger sets `search_folding` to 0.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Alias, DynIden, Expr, ExprTrait, IntoIden, Query, SimpleExpr};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult};
use uuid::Uuid;

use crate::domain::gig::Gig;
use crate::domain::search::{FOLDING_VERSION, indexed_words};
use crate::store::sql::Sql;
use crate::store::{Result, from_json};

/// What a search finds a gig by.
#[derive(Debug)]
pub(super) struct IndexedGig<'a> {
    id: Uuid,
    version: i32,
    title: &'a str,
    tags: &'a [String],
    description: &'a str,
}

impl<'a> From<&'a Gig> for IndexedGig<'a> {
    fn from(gig: &'a Gig) -> Self {
        let content = &gig.content;
        let (title, description) = (content.title.as_str(), content.description.as_str());
        Self { id: gig.id.uuid(), version: gig.version, title, tags: &content.tags, description }
    }
}

impl IndexedGig<'_> {
    /// The texts, in the order of their weights and of the columns of `gig_search`.
    fn texts(&self) -> [String; 3] {
        [self.title.to_owned(), self.tags.join("\n"), self.description.to_owned()]
    }

    /// The words in the syntax of PostgreSQL's type `tsvector`. A position has only one weight, so each text has its
    /// own.
    fn ts_vector(&self) -> String {
        let mut places: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (place, text) in ["1A", "2B", "3C"].into_iter().zip(self.texts()) {
            for word in indexed_words(&text) {
                places.entry(word).or_default().push(place);
            }
        }
        let words = places.iter().map(|(word, places)| {
            let word = word.replace('\\', "\\\\").replace('\'', "''");
            format!("'{word}':{}", places.join(","))
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

/// The columns of the table `gig` that [`values`] has values for.
pub(super) fn columns(backend: DbBackend) -> Vec<DynIden> {
    let mut columns = vec!["search_folding", "search_gig_version"];
    if backend == DbBackend::Postgres {
        columns.push("search");
    }
    columns.into_iter().map(|column| Alias::new(column).into_iden()).collect()
}

/// The values of [`columns`].
pub(super) fn values(backend: DbBackend, gig: &IndexedGig<'_>) -> Vec<SimpleExpr> {
    let mut values = vec![Expr::val(FOLDING_VERSION), Expr::val(gig.version)];
    if backend == DbBackend::Postgres {
        values.push(Expr::val(gig.ts_vector()).cast_as("tsvector"));
    }
    values
}

/// Writes the words of gigs that are not in the table `gig`. Call it after [`values`] were written.
pub(super) async fn write<'a>(
    tx: &impl ConnectionTrait,
    gigs: impl IntoIterator<Item = IndexedGig<'a>>,
) -> Result<()> {
    let mut sql = Sql::new(tx.get_database_backend());
    if sql.backend == DbBackend::Postgres {
        return Ok(());
    }
    sql.push("INSERT OR REPLACE INTO gig_search (rowid, title, tags, description) ");
    sql.push("SELECT key.id, words.column2, words.column3, words.column4 FROM (VALUES ");
    for (number, gig) in gigs.into_iter().enumerate() {
        sql.push(if number == 0 { "(" } else { ", (" }).bind(gig.id);
        for text in gig.texts() {
            let words: Vec<_> = indexed_words(&text).into_iter().collect();
            sql.push(", ").bind(words.join(" "));
        }
        sql.push(")");
    }
    sql.push(") AS words JOIN gig_search_key AS key ON key.gig_id = words.column1");
    tx.execute_raw(sql.into_statement()).await?;
    Ok(())
}

/// Whether a gig is not indexed by this version.
pub async fn has_outdated(db: &impl ConnectionTrait) -> Result<bool> {
    let mut sql = Sql::new(db.get_database_backend());
    sql.push("SELECT MIN(search_folding) FROM gig");
    let row = db.query_one_raw(sql.into_statement()).await?;
    let oldest: Option<i32> = row.map_or(Ok(None), |row| row.try_get_by_index(0))?;
    Ok(oldest.is_some_and(|version| version < FOLDING_VERSION))
}

/// Indexes up to `limit` gigs that are not indexed by this version, and returns how many. Skips gigs that another
/// transaction has locked.
pub async fn update_outdated(tx: &impl ConnectionTrait, limit: u64) -> Result<u64> {
    let backend = tx.get_database_backend();
    let mut sql = Sql::new(backend);
    sql.push("SELECT id, version, title, tags, description FROM gig WHERE search_folding < ")
        .bind(FOLDING_VERSION);
    sql.push(" ORDER BY search_folding, id LIMIT ").push_number(limit);
    sql.push(if backend == DbBackend::Postgres { " FOR NO KEY UPDATE SKIP LOCKED" } else { "" });
    let rows = tx.query_all_raw(sql.into_statement()).await?;
    for row in &rows {
        index_row(tx, row).await?;
    }
    Ok(rows.len() as u64)
}

async fn index_row(tx: &impl ConnectionTrait, row: &QueryResult) -> Result<()> {
    let (title, description): (String, String) = (row.try_get_by_index(2)?, row.try_get_by_index(4)?);
    // Tags that cannot be read must not keep the other gigs from being indexed.
    let tags: Vec<String> = from_json("gig.tags", row.try_get_by_index(3)?).unwrap_or_default();
    let gig = IndexedGig {
        id: row.try_get_by_index(0)?,
        version: row.try_get_by_index(1)?,
        title: &title,
        tags: &tags,
        description: &description,
    };
    let backend = tx.get_database_backend();
    let values = columns(backend).into_iter().zip(values(backend, &gig));
    let mut update = Query::update();
    update.table(entity::gig::Entity).values(values).and_where(Expr::col("id").eq(gig.id));
    tx.execute(&update).await?;
    write(tx, [gig]).await
}
