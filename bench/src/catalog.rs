//! Many generated gigs.

use sea_orm::{ConnectionTrait, Database};

use crate::Result;

const DATA: &str = include_str!("catalog.sql");

/// Inserts gigs into an empty database: see `catalog.sql`.
pub async fn load(database_url: &str, gigs: u32) -> Result<()> {
    eprintln!("loading {gigs} gigs");
    // With its own connection, because those of gigway have a statement timeout of 30 seconds.
    let db = Database::connect(database_url).await?;
    for statement in DATA.replace(":gigs", &gigs.to_string()).split_inclusive(';') {
        db.execute_unprepared(statement).await?;
    }
    db.close().await?;
    Ok(())
}
