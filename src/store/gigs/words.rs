//! Removes the words of erased gigs from the indexes of words.

use sea_orm::{ConnectionTrait, DbBackend};

use crate::store::Result;

/// Removes the words that no listed gig contains any more. Call it after the texts were removed. It reads or
/// writes the whole index, which takes some seconds for some hundred thousand gigs.
pub async fn remove_unused(tx: &impl ConnectionTrait) -> Result<()> {
    let sql = match tx.get_database_backend() {
        // `gig_word` has every word that was ever listed, also those of earlier versions of a gig.
        DbBackend::Postgres => {
            "DELETE FROM gig_word WHERE NOT EXISTS (
                 SELECT 1 FROM ts_stat('SELECT search FROM gig WHERE status = ''ACTIVE''') AS listed
                 WHERE listed.word = gig_word.word)"
        }
        // Words that were removed stay in the index, without being found, until its parts are merged.
        _ => "INSERT INTO gig_search (gig_search) VALUES ('optimize')",
    };
    tx.execute_unprepared(sql).await?;
    Ok(())
}
