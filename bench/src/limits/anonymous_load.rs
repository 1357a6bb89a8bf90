//! A query of a user while anonymous clients send the most expensive queries that are allowed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gigway::domain::user::Role;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::deployment::{Deployment, User};
use crate::process::Server;
use crate::table::{Bound, Row, median};
use crate::{BoxError, Result};

const QUERY: &str = "{ viewer { user { displayName } } gigs(first: 20) { nodes { id title } } }";

/// Anonymous clients that send one query after the other.
const CLIENTS: usize = 4;

/// Searches in one query.
const SEARCHES: usize = 18;

const DURATION: Duration = Duration::from_secs(10);

/// The time between two queries of the user.
const PAUSE: Duration = Duration::from_millis(50);

pub async fn row(deployment: &Deployment) -> Result<Row> {
    let gateway = deployment.start_gateway(&[("GIGWAY_CACHE_BYTES", "0".to_owned())])?;
    let user = deployment.user("User beside the load", Role::Member).await?;
    user.time_query(&gateway, QUERY).await?;
    let idle = median_time(&gateway, &user).await?;
    let executed = Arc::new(AtomicU64::new(0));
    let mut load = JoinSet::new();
    for client in 0..CLIENTS {
        let (url, query) = (gateway.url("/graphql"), expensive_query(client));
        let executed = Arc::clone(&executed);
        load.spawn(async move {
            let http = reqwest::Client::new();
            loop {
                let response: Value = http.post(&url).json(&query).send().await?.json().await?;
                // Some are stopped: their statements take too long.
                let code = &response["errors"][0]["extensions"]["code"];
                if !code.is_null() && code != "TIMED_OUT" && code != "SERVICE_UNAVAILABLE" {
                    return Err::<(), BoxError>(format!("the load is refused: {response}").into());
                }
                executed.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let loaded = median_time(&gateway, &user).await?;
    if let Some(ended) = load.try_join_next() {
        ended??;
    }
    load.shutdown().await;
    let executed = executed.load(Ordering::Relaxed);
    eprintln!("a query of a user: idle {idle:.2} ms, beside {executed} anonymous queries {loaded:.2} ms");
    Ok(Row {
        name: "a user's query beside anonymous load / idle",
        unit: "ms",
        gigway: loaded,
        other: idle,
        bound: Bound::AtMostTimes(10.0),
    })
}

async fn median_time(gateway: &Server, user: &User) -> Result<f64> {
    let (started_at, mut times) = (Instant::now(), Vec::new());
    while started_at.elapsed() < DURATION {
        times.push(user.time_query(gateway, QUERY).await?.as_secs_f64() * 1000.0);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(median(times))
}

fn expensive_query(client: usize) -> Value {
    let words = ["modern", "elegant", "logo", "website", "fast", "bold", "video"];
    let search = |number: usize| {
        let (first, second) = (words[number % words.len()], words[(number + client + 1) % words.len()]);
        format!(
            "s{number}: gigs(search: \"{first} {second}\", first: 1) {{ totalCount facets {{ tags {{ count }} }} }}"
        )
    };
    let searches: Vec<_> = (0..SEARCHES).map(search).collect();
    json!({ "query": format!("{{ {} }}", searches.join(" ")) })
}
