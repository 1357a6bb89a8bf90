//! The page that most requests want: 20 of many gigs by category, each with its category, seller and pictures.

mod contenders;
mod lines;
mod load;

use std::sync::Arc;
use std::time::Duration;

use gigway::domain::gig_filter::GigOrder;
use gigway::domain::id::CategoryId;
use gigway::store::pagination::PageKey;
use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::{Value, json};

use self::contenders::Contender;
use self::lines::{Line, print};
use self::load::{CONNECTIONS, ImageView, post};
use crate::Result;
use crate::pgbench;
use crate::process::{Server, tree_time};
use crate::table::{Bound, Report, Row, float, median};
use crate::world::World;

const GIGS: u32 = 100_000;
const MANY_GIGS: u32 = 1_000_000;

/// Distinct queries, in which the cache of a gateway must not drown.
const DISTINCT: u64 = 1_000_000;

/// What the memory may be beyond the cache's bound: the rest of a gateway.
const BESIDE_THE_CACHE_MIB: f64 = 100.0;

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(4);
const WARM: Duration = Duration::from_secs(2);

/// The page that a client reaches by its "next" nine hundred and ninety-nine times.
const FAR_PAGE: u32 = 1_000;
const PAGE: u32 = 20;

const DATA: &str = include_str!("data.sql");
const SQL: &str = include_str!("page.sql");

/// Clients of a search: few, so that it is the search that takes its time.
const SEARCHERS: u32 = 2;

/// The cache's bound in the gateways that have it.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

const CACHE: &str = "GIGWAY_CACHE_BYTES";

pub async fn run(million: bool) -> Result<Report> {
    let stock = Stock::new(GIGS).await?;
    let large = if million { Some(Stock::new(MANY_GIGS).await?) } else { None };
    let mut lines = stock.contest().await?;
    let of = |lines: &[Line], name: &str| {
        lines.iter().position(|line| line.name == name).expect("it was measured")
    };
    let rate = |lines: &[Line], name: &str| median(lines[of(lines, name)].rates.clone());
    let ratio = |name, ours: &str, theirs: &str, bound| Row {
        name,
        unit: "1/s",
        gigway: rate(&lines, ours),
        other: rate(&lines, theirs),
        bound,
    };
    let mut rows = vec![
        ratio("uncached / mercurius", "uncached", "mercurius", Bound::AtLeast(2.5)),
        ratio("uncached / mercurius x 2", "uncached", "mercurius x 2", Bound::AtLeast(2.5)),
        ratio("uncached / pgbench", "uncached", "pgbench", Bound::AtLeast(0.6)),
        ratio("cached / mercurius", "cached", "mercurius", Bound::AtLeast(20.0)),
        ratio("cached / mercurius x 2", "cached", "mercurius x 2", Bound::AtLeast(20.0)),
        ratio("cached / constant", "cached", "constant", Bound::AtLeast(0.5)),
        ratio("uncached / postgraphile", "uncached", "postgraphile", Bound::None),
    ];
    let uncached = &lines[of(&lines, "uncached")];
    rows.push(Row {
        name: "uncached p99 / p50",
        unit: "ms",
        gigway: median(uncached.p99.clone()),
        other: median(uncached.p50.clone()),
        bound: Bound::Times(4.0),
    });
    let (far, near) = stock.pages().await?;
    rows.push(Row {
        name: "page 1000 / page 1",
        unit: "ms",
        gigway: far,
        other: near,
        bound: Bound::Times(1.2),
    });
    let mut searches = Vec::new();
    if let Some(large) = &large {
        let (many, few) = in_turns("1,000,000 gigs", large, "100,000 gigs", &stock, &mut lines).await?;
        let bound = Bound::Times(1.3);
        rows.push(Row { name: "1,000,000 gigs / 100,000", unit: "ms", gigway: many, other: few, bound });
        searches = large.searches().await?;
        let memory = stock.memory_after_distinct().await?;
        let cache = float(CACHE_BYTES / 1024) / 1024.0;
        let bound = Bound::Within(cache + BESIDE_THE_CACHE_MIB);
        rows.push(Row {
            name: "memory after 1,000,000 queries",
            unit: "MiB",
            gigway: memory,
            other: cache,
            bound,
        });
    }
    print("browse", &lines, 6);
    if !searches.is_empty() {
        print("1,000,000 gigs", &searches, 3);
    }
    let settings = json!({
        "connections": CONNECTIONS, "gigs": GIGS, "rounds": ROUNDS, "roundSeconds": ROUND.as_secs(), "million": million,
        "servers": lines.iter().map(Line::json).collect::<Vec<_>>(),
        "searches": searches.iter().map(Line::json).collect::<Vec<_>>(),
    });
    Ok(Report { name: "browse", other: "other", settings, rows })
}

/// So many gigs in a database of their own.
struct Stock {
    world: World,
    categories: Vec<CategoryId>,
    /// PostgreSQL's first process.
    postgres: u32,
}

impl Stock {
    async fn new(gigs: u32) -> Result<Self> {
        let world = World::start().await?;
        eprintln!("{gigs} gigs are loaded");
        // By a connection of its own: gigway's end whatever takes half a minute.
        let db = Database::connect(&world.database_url).await?;
        for statement in DATA.replace(":gigs", &gigs.to_string()).split_inclusive(';') {
            db.execute_unprepared(statement).await?;
        }
        let ask =
            async |sql: &str| db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await;
        let rows = ask("SELECT id FROM category ORDER BY id").await?;
        let categories =
            rows.iter().map(|row| row.try_get_by_index(0)).collect::<std::result::Result<_, _>>()?;
        let rows = ask("SELECT pg_backend_pid()").await?;
        let backend: i32 = rows.first().ok_or("the database has no process")?.try_get_by_index(0)?;
        let postgres = crate::process::parent(u32::try_from(backend)?)?;
        Ok(Self { world, categories, postgres })
    }

    fn uncached(&self) -> Result<Contender> {
        let server = self.world.another_gateway(&[(CACHE, "0".to_owned())])?;
        Ok(Contender::gigway("uncached", server, &self.categories))
    }

    /// Every server by turns, on the same tables.
    async fn contest(&self) -> Result<Vec<Line>> {
        let cached = self.world.another_gateway(&[(CACHE, CACHE_BYTES.to_string())])?;
        let gigway = Contender::gigway("cached", cached, &self.categories);
        let page = gigway.page().await?.to_string();
        let bare = Server::bare()?;
        reqwest::Client::new().put(bare.url("/constant")).body(page).send().await?.error_for_status()?;
        let constant = Contender {
            name: "constant",
            server: bare,
            requests: gigway.requests.iter().map(|it| replaced(it, "/graphql", "/constant")).collect(),
        };
        let contenders = [
            self.uncached()?,
            gigway,
            constant,
            Contender::mercurius("mercurius", 1, &self.world.database_url, &self.categories)?,
            Contender::mercurius("mercurius x 2", 2, &self.world.database_url, &self.categories)?,
            Contender::postgraphile(&self.world.database_url, &self.categories)?,
        ];
        let mut lines: Vec<_> = contenders.iter().map(|it| Line::new(it.name)).collect();
        let mut pgbench = Line::new("pgbench");
        for contender in &contenders {
            contender.page().await?;
            load::run(&contender.server.address, &contender.requests, CONNECTIONS, WARM).await?;
        }
        for round in 1..=ROUNDS {
            for (contender, line) in contenders.iter().zip(&mut lines) {
                self.measure(line, contender).await?;
            }
            self.run_pgbench(&mut pgbench)?;
            eprintln!("round {round} of {ROUNDS} is done");
        }
        lines.push(pgbench);
        Ok(lines)
    }

    /// One round of one server.
    async fn measure(&self, line: &mut Line, contender: &Contender) -> Result<()> {
        let times = || -> Result<[Duration; 3]> {
            Ok([contender.server.tree_time()?, tree_time(self.postgres)?, tree_time(std::process::id())?])
        };
        let before = times()?;
        let seen = load::run(&contender.server.address, &contender.requests, CONNECTIONS, ROUND).await?;
        let after = times()?;
        // The servers are children of this process.
        let [server, database, all] = [0, 1, 2].map(|at| after[at].saturating_sub(before[at]));
        line.add(&seen, [server, database, all.saturating_sub(server)]);
        Ok(())
    }

    fn run_pgbench(&self, line: &mut Line) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut arguments: Vec<String> =
            ["-c", &CONNECTIONS.to_string(), "-j", "2", "-T", &(WARM + ROUND).as_secs().to_string()]
                .map(str::to_owned)
                .into();
        for (number, category) in self.categories.iter().enumerate() {
            let file = folder.path().join(format!("{number}.sql"));
            std::fs::write(&file, SQL.replace(":category", &category.to_string()))?;
            arguments.extend(["-f".to_owned(), file.display().to_string()]);
        }
        let prefix = folder.path().join("took");
        arguments.extend(["-l".to_owned(), format!("--log-prefix={}", prefix.display())]);
        let times =
            || -> Result<[Duration; 2]> { Ok([tree_time(self.postgres)?, tree_time(std::process::id())?]) };
        let before = times()?;
        pgbench::run(&self.world.database_url, &arguments)?;
        let after = times()?;
        let seen = ImageView::of(pgbench::took(&prefix, WARM)?, ROUND)?;
        // Of the warm seconds as of the others.
        let part = |time: Duration| {
            time * u32::try_from(ROUND.as_secs()).unwrap_or(1)
                / u32::try_from((WARM + ROUND).as_secs()).unwrap_or(1)
        };
        let [database, clients] = [0, 1].map(|at| part(after[at].saturating_sub(before[at])));
        line.add(&seen, [Duration::ZERO, database, clients]);
        Ok(())
    }

    /// Milliseconds of the thousandth page of all gigs, and of the first, by turns at one gateway without a cache.
    async fn pages(&self) -> Result<(f64, f64)> {
        let gateway = self.world.another_gateway(&[(CACHE, "0".to_owned())])?;
        let db = self.world.services.db.read();
        let offset = (FAR_PAGE - 1) * PAGE - 1;
        let sql = format!(
            "SELECT published_at, id FROM gig WHERE status = 'ACTIVE' ORDER BY published_at DESC, id DESC \
             OFFSET {offset} LIMIT 1"
        );
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
        let row = row.ok_or("there are too few gigs for so many pages")?;
        let published_at: sea_orm::prelude::DateTimeUtc = row.try_get_by_index(0)?;
        let (order, values) = (GigOrder::Newest.into(), vec![published_at.timestamp_micros()]);
        let after = PageKey { order, values, id: row.try_get_by_index(1)? }.to_cursor();
        let query = "query($after: String) { gigs(first: 20, after: $after) { nodes { id title price { amount } \
                     seller { displayName } images { url } } pageInfo { hasNextPage endCursor } } }";
        let page = |after: Value| -> Arc<[Vec<u8>]> {
            [post("/graphql", &json!({ "query": query, "variables": { "after": after } }))].into()
        };
        let (far, near) = (page(json!(after)), page(Value::Null));
        let (mut of_far, mut of_near) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let seen = (
                load::run(&gateway.address, &far, CONNECTIONS, WARM).await?,
                load::run(&gateway.address, &near, CONNECTIONS, WARM).await?,
            );
            if round > 0 {
                of_far.push(seen.0.p50);
                of_near.push(seen.1.p50);
            }
        }
        Ok((median(of_far), median(of_near)))
    }

    /// How long a search takes, and what counts, at a gateway without a cache that does little else.
    async fn searches(&self) -> Result<Vec<Line>> {
        let gateway = self.world.another_gateway(&[(CACHE, "0".to_owned())])?;
        let list = |order: &str, search: &str| {
            let query = "query($order: GigOrder, $search: String) { gigs(first: 20, orderBy: $order, search: $search) \
                         { nodes { id title price { amount } seller { displayName } } pageInfo { endCursor } } }";
            json!({ "query": query, "variables": { "order": order, "search": search } })
        };
        let asked = [
            ("common", list("NEWEST", "modern")),
            ("relevance", list("RELEVANCE", "mod")),
            ("two common", list("RELEVANCE", "logo elegant")),
            ("never together", list("RELEVANCE", "logo website")),
            ("rare", list("RELEVANCE", "offer 54321")),
            ("mistyped", list("RELEVANCE", "ilustration")),
            ("nothing", list("RELEVANCE", "xylophone")),
            ("ten words", list("RELEVANCE", "a b c d e f g h i j")),
            ("totalCount", json!({ "query": "{ gigs(search: \"modern\") { totalCount } }" })),
            (
                "facets",
                json!({ "query": "{ gigs { facets { categories { count } priceRanges { count } } } }" }),
            ),
            ("facets: tags", json!({ "query": "{ gigs { facets { tags { tag count } } } }" })),
        ];
        let mut lines = Vec::with_capacity(asked.len());
        for (name, body) in asked {
            let requests: Arc<[Vec<u8>]> = [post("/graphql", &body)].into();
            load::once(&gateway.address, &requests[0]).await?;
            let mut line = Line::new(name);
            line.add(&load::run(&gateway.address, &requests, SEARCHERS, WARM).await?, [Duration::ZERO; 3]);
            lines.push(line);
        }
        Ok(lines)
    }

    /// MiB that a gateway has after so many queries of which no two are alike.
    async fn memory_after_distinct(&self) -> Result<f64> {
        eprintln!("{DISTINCT} distinct queries are asked");
        let gateway = self.world.another_gateway(&[(CACHE, CACHE_BYTES.to_string())])?;
        let query = "query($least: Decimal) { gigs(where: { minPrice: $least }, first: 3) { nodes { id title \
                     description price { amount } } } }";
        load::each(&gateway.address, DISTINCT, move |number| {
            // Below the least price, so that each finds the same, and costs the same.
            let least = format!("0.{number:07}");
            post("/graphql", &json!({ "query": query, "variables": { "least": least } }))
        })
        .await?;
        Ok(float(gateway.memory()?) / 1024.0)
    }
}

/// Milliseconds of the page in two stocks, by turns.
async fn in_turns(
    name: &'static str,
    stock: &Stock,
    other_name: &'static str,
    other: &Stock,
    lines: &mut Vec<Line>,
) -> Result<(f64, f64)> {
    let contenders = [stock.uncached()?, other.uncached()?];
    let mut both = [Line::new(name), Line::new(other_name)];
    for round in 0..=ROUNDS {
        for ((contender, stock), line) in contenders.iter().zip([stock, other]).zip(&mut both) {
            if round == 0 {
                load::run(&contender.server.address, &contender.requests, CONNECTIONS, WARM).await?;
            } else {
                stock.measure(line, contender).await?;
            }
        }
    }
    let medians = (median(both[0].p50.clone()), median(both[1].p50.clone()));
    lines.extend(both);
    Ok(medians)
}

fn replaced(request: &[u8], path: &str, by: &str) -> Vec<u8> {
    String::from_utf8_lossy(request).replacen(path, by, 1).into_bytes()
}
