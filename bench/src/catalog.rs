//! Many generated gigs.

use gigway::domain::image::VARIANTS_VERSION;
use gigway::domain::search::FOLDING_VERSION;
use sea_orm::{ConnectionTrait, Database};

use crate::Result;

const DATA: &str = include_str!("catalog.sql");

/// Inserts gigs into an empty database: see `catalog.sql`.
pub async fn load(database_url: &str, gigs: u32) -> Result<()> {
    eprintln!("loading {gigs} gigs");
    // With its own connection, because those of gigway have a statement timeout of 30 seconds.
    let db = Database::connect(database_url).await?;
    // With older versions, the gateways would index all gigs and make variants of all images during the measurement.
    let versions = [(":variants_version", VARIANTS_VERSION), (":folding_version", FOLDING_VERSION)];
    let statements = versions
        .iter()
        .fold(DATA.replace(":gigs", &gigs.to_string()), |sql, (name, it)| sql.replace(name, &it.to_string()));
    for statement in statements.split_inclusive(';') {
        db.execute_unprepared(statement).await?;
    }
    db.close().await?;
    Ok(())
}
