//! How long subscribers who were away need for what they missed, when all come back at once.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use gigway::domain::gig::GigStatus;
use gigway::domain::user::Role;
use gigway::events::cursor::Cursor;
use serde_json::json;
use tokio::task::JoinSet;

use crate::Result;
use crate::client::{Subscription, quoted};
use crate::fanout::RESUME;
use crate::open_files::make_room;
use crate::process::Server;
use crate::table::{Bound, Report, Row, median};
use crate::world::{World, trigger};

const QUERY: &str = "subscription($after: String!) {
    gigPublished(after: $after) { cursor delivery occurredAt gigId } }";

const SUBSCRIBERS: u32 = 500;
const MISSED: usize = 1_000;
const ROUNDS: u32 = 3;

/// Mutations under way at a time while nobody is there.
const CHANGES_AT_ONCE: usize = 8;

/// After this, somebody has lost something.
const PATIENCE: Duration = Duration::from_mins(2);

pub async fn run() -> Result<Report> {
    make_room(u64::from(SUBSCRIBERS))?;
    let world = World::start().await?;
    let seller = world.person("Seller", Role::Member).await?;
    let reader = world.person("Reader", Role::Member).await?;
    let gigs = world.add_gigs(&world.new_ids(MISSED), &[seller.id], GigStatus::Paused).await?;
    let after = reader.cursor().await?;
    let changes = stream::iter(&gigs).map(|gig| seller.act(RESUME, json!({ "id": gig })));
    changes.buffer_unordered(CHANGES_AT_ONCE).try_for_each(async |_| Ok(())).await?;

    let (server, beside) = (world.another_gateway(&[])?, Server::bare()?);
    let subscription = Subscription::Gigway {
        address: server.address.clone(),
        token: reader.token,
        query: QUERY,
        variables: json!({ "after": after }),
        snapshot: false,
    };
    let beside_subscription = Subscription::Bare { address: beside.address.clone(), path: "/backlog" };
    let missed = catch_up(&subscription).await?;
    trigger(&reqwest::Client::new(), &beside.url("/backlog"), missed.join("\n")).await?;

    let (mut times, mut beside_times) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let (time, beside_time) = (all_back(&subscription).await?, all_back(&beside_subscription).await?);
        eprintln!("round {round} of {ROUNDS}: gigway {time:.2} s, bare {beside_time:.2} s");
        times.push(time);
        beside_times.push(beside_time);
    }
    let row = Row {
        name: "until everybody has everything",
        unit: "s",
        gigway: median(times),
        other: median(beside_times),
        bound: Bound::Within(5.0),
    };
    let settings = json!({ "subscribers": SUBSCRIBERS, "missed": MISSED, "rounds": ROUNDS });
    Ok(Report { name: "resume", other: "bare", settings, rows: vec![row] })
}

/// Seconds until everybody, all come at once, has everything.
async fn all_back(subscription: &Subscription) -> Result<f64> {
    let began = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..SUBSCRIBERS {
        let subscription = subscription.clone();
        clients.spawn(async move { catch_up(&subscription).await.map(drop) });
    }
    let all = async {
        while let Some(client) = clients.join_next().await {
            client??;
        }
        Ok::<_, crate::Failure>(began.elapsed())
    };
    let took = tokio::time::timeout(PATIENCE, all).await;
    Ok(took.map_err(|_| format!("not everybody had everything within {PATIENCE:?}"))??.as_secs_f64())
}

/// One client's: everything that was missed, each once and in order.
async fn catch_up(subscription: &Subscription) -> Result<Vec<String>> {
    let mut socket = subscription.open().await?;
    let mut texts = Vec::with_capacity(MISSED);
    let mut last = 0;
    while texts.len() < MISSED {
        let text = socket.event().await?;
        let cursor = quoted(&text, r#""cursor":""#).and_then(Cursor::decode);
        let position = cursor.ok_or_else(|| format!("an event without a cursor: {text}"))?.position;
        // There are as many events as are missed: increasing, they are each once and all.
        if position <= last {
            return Err(format!("position {position} came behind {last}").into());
        }
        last = position;
        texts.push(text.to_string());
    }
    Ok(texts)
}
