//! Decisions on gigs per second, compared with the same SQL in pgbench.

use std::path::PathBuf;
use std::time::Instant;

use gigway::domain::gig::GigStatus;
use gigway::domain::id::{GigId, SessionId, UserId};
use gigway::domain::user::Role;
use gigway::service::accounts;
use gigway::store::users;
use gigway::store::users::NewUser;
use sea_orm::prelude::Uuid;
use serde_json::json;
use tokio::task::JoinSet;

use crate::Result;
use crate::deployment::{Deployment, User};
use crate::pgbench;
use crate::table::{Bound, Report, Row, float, median};

/// The SQL statements of one decision.
const SCRIPT: &str = include_str!("transitions.sql");

const DECIDE: &str = "mutation($input: DecideGigInput!) {
    decideGig(input: $input) { gig { id status version } errors { code } } }";

const CLIENTS: usize = 16;

/// Decisions of one client in one round.
const DECISIONS_PER_CLIENT: usize = 250;

/// Measured rounds, after one warm-up round.
const ROUNDS: usize = 5;

/// Sellers of the gigs. Decisions on gigs of the same seller wait for each other.
const SELLERS: usize = 97;

/// Client `n` of pgbench decides the gigs with the ids `n * ID_RANGE_PER_CLIENT + 1` and up.
const ID_RANGE_PER_CLIENT: u128 = 1_000_000;

pub async fn run() -> Result<Report> {
    let deployment = Deployment::start().await?;
    let reviewer = deployment.user("Reviewer", Role::Reviewer).await?;
    let session = accounts::authenticate(&deployment.services, &reviewer.token).await?.0.session_id;
    let sellers = add_sellers(&deployment).await?;
    let total = CLIENTS * DECISIONS_PER_CLIENT * (ROUNDS + 1);
    eprintln!("adding {} gigs to the review queue", total * 2);
    let gigs = deployment.add_gigs(&deployment.new_ids(total), &sellers, GigStatus::InReview).await?;
    deployment.add_gigs(&pgbench_gig_ids(), &sellers, GigStatus::InReview).await?;

    let dir = tempfile::tempdir()?;
    let script = dir.path().join("transitions.sql");
    std::fs::write(&script, SCRIPT)?;
    let pgbench = Pgbench { script, reviewer: reviewer.id, session };

    let (mut rates, mut pgbench_rates) = (Vec::new(), Vec::new());
    for (round, gigs) in (0_usize..).zip(gigs.chunks(CLIENTS * DECISIONS_PER_CLIENT)) {
        let rate = decide_all(&reviewer, gigs).await?;
        let pgbench_rate = pgbench.run(&deployment.database_url, round * DECISIONS_PER_CLIENT)?;
        eprintln!("round {round} of {ROUNDS}: gigway {rate:.0}, pgbench {pgbench_rate:.0} per second");
        if round > 0 {
            rates.push(rate);
            pgbench_rates.push(pgbench_rate);
        }
    }
    let row = Row {
        name: "decideGig",
        unit: "1/s",
        gigway: median(rates),
        other: median(pgbench_rates),
        bound: Bound::AtLeastTimes(0.5),
    };
    let settings =
        json!({ "clients": CLIENTS, "rounds": ROUNDS, "decisionsOfARound": CLIENTS * DECISIONS_PER_CLIENT });
    Ok(Report { name: "transitions", other: "pgbench", settings, rows: vec![row] })
}

/// Creates users who never sign in.
async fn add_sellers(deployment: &Deployment) -> Result<Vec<UserId>> {
    let (ids, transaction) = (deployment.new_ids::<UserId>(SELLERS), deployment.services.db.begin().await?);
    for id in &ids {
        let seller = NewUser {
            id: *id,
            email: format!("{}@example.com", id.uuid().simple()),
            display_name: "Seller".to_owned(),
            password_hash: "none".to_owned(),
            role: Role::Member,
            points: 0,
            created_at: deployment.services.now(),
        };
        users::insert(&transaction, &*deployment.services, &seller).await?;
    }
    transaction.commit().await?;
    Ok(ids)
}

/// The ids of the gigs for pgbench. The script computes them from the number of its client and a counter.
fn pgbench_gig_ids() -> Vec<GigId> {
    let firsts =
        (0_u128..).step_by(usize::try_from(ID_RANGE_PER_CLIENT).expect("fits into usize")).take(CLIENTS);
    let numbers = firsts.flat_map(|first| (first + 1..).take(DECISIONS_PER_CLIENT * (ROUNDS + 1)));
    numbers.map(|number| GigId::from_uuid(Uuid::from_u128(number))).collect()
}

/// Approves each gig once, by concurrent clients. Returns the decisions per second.
async fn decide_all(reviewer: &User, gigs: &[String]) -> Result<f64> {
    let started_at = Instant::now();
    let mut clients = JoinSet::new();
    for gigs in gigs.chunks(DECISIONS_PER_CLIENT) {
        let (reviewer, gigs) = (reviewer.clone(), gigs.to_vec());
        clients.spawn(async move {
            for gig in gigs {
                let input = json!({ "gigId": gig, "decision": "APPROVE", "expectedVersion": 1 });
                reviewer.mutate(DECIDE, json!({ "input": input })).await?;
            }
            Ok::<_, crate::BoxError>(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(float(u64::try_from(gigs.len())?) / started_at.elapsed().as_secs_f64())
}

struct Pgbench {
    script: PathBuf,
    reviewer: UserId,
    session: SessionId,
}

impl Pgbench {
    /// Runs the script as often as gigway decides in a round. Returns the decisions per second. The counter
    /// of each client starts at `done`.
    fn run(&self, database_url: &str, done: usize) -> Result<f64> {
        let (clients, each) = (CLIENTS.to_string(), DECISIONS_PER_CLIENT.to_string());
        let variables = [
            format!("done={done}"),
            format!("reviewer={}", self.reviewer),
            format!("session={}", self.session),
        ];
        let mut arguments: Vec<String> = ["-c", &clients, "-j", "2", "-t", &each].map(str::to_owned).into();
        arguments.extend(variables.into_iter().flat_map(|variable| ["-D".to_owned(), variable]));
        arguments.extend(["-f".to_owned(), self.script.display().to_string()]);
        pgbench::run(database_url, &arguments)
    }
}
