//! What clients can cost the gateway that send too much, ask for too much, or are too slow.

mod anonymous_load;
mod cost;
mod rejections;
mod slow_clients;

use serde_json::json;

use crate::deployment::Deployment;
use crate::table::Report;
use crate::{Result, catalog};

const GIGS: u32 = 200_000;

pub async fn run() -> Result<Report> {
    let deployment = Deployment::start().await?;
    let mut rows = rejections::rows(&deployment).await?;
    rows.extend(slow_clients::rows(&deployment).await?);
    catalog::load(&deployment.database_url, GIGS).await?;
    rows.push(cost::row(&deployment).await?);
    rows.push(anonymous_load::row(&deployment).await?);
    let settings = json!({
        "repeats": rejections::REPEATS,
        "excess": rejections::EXCESS,
        "clients": slow_clients::CLIENTS,
        "gigs": GIGS,
    });
    Ok(Report { name: "limits", other: "plain", settings, rows })
}
