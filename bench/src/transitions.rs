//! How many gigs are decided in a second, beside the same SQL by pgbench.

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
use crate::pgbench;
use crate::table::{Bound, Report, Row, float, median};
use crate::world::{Person, World};

/// The statements of one decision.
const SCRIPT: &str = include_str!("transitions.sql");

const DECIDE: &str = "mutation($input: DecideGigInput!) {
    decideGig(input: $input) { gig { id status version } errors { code } } }";

const CLIENTS: usize = 16;

/// Decisions of one client in one round.
const EACH: usize = 250;

/// Rounds of both, and one before that only warms.
const ROUNDS: usize = 5;

/// People whose gigs are decided: the gigs of one are decided one after the other.
const SELLERS: usize = 97;

/// Where the numbers of one pgbench client's gigs begin, times the client's number.
const NUMBERS_OF_A_CLIENT: u128 = 1_000_000;

pub async fn run() -> Result<Report> {
    let world = World::start().await?;
    let reviewer = world.person("Reviewer", Role::Reviewer).await?;
    let session = accounts::authenticate(&world.services, &reviewer.token).await?.0.session_id;
    let sellers = add_sellers(&world).await?;
    let all = CLIENTS * EACH * (ROUNDS + 1);
    eprintln!("{} gigs are put into the queue", all * 2);
    let gigs = world.add_gigs(&world.new_ids(all), &sellers, GigStatus::InReview).await?;
    world.add_gigs(&numbered(), &sellers, GigStatus::InReview).await?;

    let folder = tempfile::tempdir()?;
    let script = folder.path().join("transitions.sql");
    std::fs::write(&script, SCRIPT)?;
    let pgbench = Pgbench { script, reviewer: reviewer.id, session };

    let (mut rates, mut beside_rates) = (Vec::new(), Vec::new());
    for (round, gigs) in (0_usize..).zip(gigs.chunks(CLIENTS * EACH)) {
        let rate = decide_all(&reviewer, gigs).await?;
        let beside = pgbench.run(&world.database_url, round * EACH)?;
        eprintln!("round {round} of {ROUNDS}: gigway {rate:.0}, pgbench {beside:.0} in a second");
        if round > 0 {
            rates.push(rate);
            beside_rates.push(beside);
        }
    }
    let row = Row {
        name: "decideGig",
        unit: "1/s",
        gigway: median(rates),
        other: median(beside_rates),
        bound: Bound::AtLeast(0.5),
    };
    let settings = json!({ "clients": CLIENTS, "rounds": ROUNDS, "decisionsOfARound": CLIENTS * EACH });
    Ok(Report { name: "transitions", other: "pgbench", settings, rows: vec![row] })
}

/// People who never sign in.
async fn add_sellers(world: &World) -> Result<Vec<UserId>> {
    let (ids, transaction) = (world.new_ids::<UserId>(SELLERS), world.services.db.begin().await?);
    for id in &ids {
        let seller = NewUser {
            id: *id,
            email: format!("{}@example.com", id.uuid().simple()),
            display_name: "Seller".to_owned(),
            password_hash: "none".to_owned(),
            role: Role::Member,
            points: 0,
            created_at: world.services.now(),
        };
        users::insert(&transaction, &seller).await?;
    }
    transaction.commit().await?;
    Ok(ids)
}

/// The ids of pgbench's gigs, which it can tell from the number of its client and a count.
fn numbered() -> Vec<GigId> {
    let firsts = (0_u128..).step_by(usize::try_from(NUMBERS_OF_A_CLIENT).expect("it fits")).take(CLIENTS);
    let numbers = firsts.flat_map(|first| (first + 1..).take(EACH * (ROUNDS + 1)));
    numbers.map(|number| GigId::from_uuid(Uuid::from_u128(number))).collect()
}

/// Approves each gig once, by so many clients; how many a second.
async fn decide_all(reviewer: &Person, gigs: &[String]) -> Result<f64> {
    let began = Instant::now();
    let mut clients = JoinSet::new();
    for gigs in gigs.chunks(EACH) {
        let (reviewer, gigs) = (reviewer.clone(), gigs.to_vec());
        clients.spawn(async move {
            for gig in gigs {
                let input = json!({ "gigId": gig, "decision": "APPROVE", "expectedVersion": 1 });
                reviewer.act(DECIDE, json!({ "input": input })).await?;
            }
            Ok::<_, crate::Failure>(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(float(u64::try_from(gigs.len())?) / began.elapsed().as_secs_f64())
}

struct Pgbench {
    script: PathBuf,
    reviewer: UserId,
    session: SessionId,
}

impl Pgbench {
    /// Runs the script as often as gigway decides in a round; how often a second. Each client's count goes on
    /// from `done`.
    fn run(&self, database_url: &str, done: usize) -> Result<f64> {
        let (clients, each) = (CLIENTS.to_string(), EACH.to_string());
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
