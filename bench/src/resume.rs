//! Time until subscribers that reconnect at the same time have received all missed events.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use gigway::domain::gig::GigStatus;
use gigway::domain::user::Role;
use gigway::events::cursor::Cursor;
use serde_json::json;
use tokio::task::JoinSet;

use crate::Result;
use crate::client::{Subscription, text_after};
use crate::deployment::{Deployment, trigger};
use crate::fanout::RESUME;
use crate::open_files::ensure_open_files;
use crate::process::Server;
use crate::table::{Bound, Report, Row, median};

const QUERY: &str = "subscription($after: String!) {
    gigPublished(after: $after) { cursor delivery occurredAt gigId } }";

const SUBSCRIBERS: u32 = 500;
const MISSED: usize = 1_000;
const ROUNDS: u32 = 3;

/// Concurrent mutations while no subscriber is connected.
const CONCURRENT_CHANGES: usize = 8;

/// Time limit, after which events count as lost.
const TIMEOUT: Duration = Duration::from_mins(2);

pub async fn run() -> Result<Report> {
    ensure_open_files(u64::from(SUBSCRIBERS))?;
    let deployment = Deployment::start().await?;
    let seller = deployment.user("Seller", Role::Member).await?;
    let reader = deployment.user("Reader", Role::Member).await?;
    let gigs = deployment.add_gigs(&deployment.new_ids(MISSED), &[seller.id], GigStatus::Paused).await?;
    let after = reader.cursor().await?;
    let changes = stream::iter(&gigs).map(|gig| seller.mutate(RESUME, json!({ "id": gig })));
    changes.buffer_unordered(CONCURRENT_CHANGES).try_for_each(async |_| Ok(())).await?;

    let (server, baseline) = (deployment.start_gateway(&[])?, Server::baseline()?);
    let subscription = Subscription::Gigway {
        address: server.address.clone(),
        token: reader.token,
        query: QUERY,
        variables: json!({ "after": after }),
        has_snapshot: false,
    };
    let baseline_subscription =
        Subscription::Baseline { address: baseline.address.clone(), path: "/backlog" };
    let missed = catch_up(&subscription).await?;
    trigger(&reqwest::Client::new(), &baseline.url("/backlog"), missed.join("\n")).await?;

    let (mut times, mut baseline_times) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let (time, baseline_time) =
            (resume_all(&subscription).await?, resume_all(&baseline_subscription).await?);
        eprintln!("round {round} of {ROUNDS}: gigway {time:.2} s, baseline {baseline_time:.2} s");
        times.push(time);
        baseline_times.push(baseline_time);
    }
    let row = Row {
        name: "until all events are received",
        unit: "s",
        gigway: median(times),
        other: median(baseline_times),
        bound: Bound::AtMost(5.0),
    };
    let settings = json!({ "subscribers": SUBSCRIBERS, "missed": MISSED, "rounds": ROUNDS });
    Ok(Report { name: "resume", other: "baseline", settings, rows: vec![row] })
}

/// Seconds until all subscribers, which connect at the same time, have received everything.
async fn resume_all(subscription: &Subscription) -> Result<f64> {
    let started_at = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..SUBSCRIBERS {
        let subscription = subscription.clone();
        clients.spawn(async move { catch_up(&subscription).await.map(drop) });
    }
    let all = async {
        while let Some(client) = clients.join_next().await {
            client??;
        }
        Ok::<_, crate::BoxError>(started_at.elapsed())
    };
    let duration = tokio::time::timeout(TIMEOUT, all).await;
    Ok(duration
        .map_err(|_| format!("not all subscribers were up to date within {TIMEOUT:?}"))??
        .as_secs_f64())
}

/// Receives all missed events. Fails unless each comes once and in order.
async fn catch_up(subscription: &Subscription) -> Result<Vec<String>> {
    let mut socket = subscription.open().await?;
    let mut texts = Vec::with_capacity(MISSED);
    let mut last = 0;
    while texts.len() < MISSED {
        let text = socket.next_event().await?;
        let cursor = text_after(&text, r#""cursor":""#).and_then(Cursor::decode);
        let position = cursor.ok_or_else(|| format!("an event without a cursor: {text}"))?.position;
        // With as many events as were missed, increasing positions mean that each came exactly once.
        if position <= last {
            return Err(format!("position {position} came after {last}").into());
        }
        last = position;
        texts.push(text.to_string());
    }
    Ok(texts)
}
