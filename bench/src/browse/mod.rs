//! The most frequent page: 20 gigs of a category, each with its category, seller and images.
//!
//! To compare another server: add it to `bench/peers`, add a constructor to [`targets::Target`], and call the
//! constructor in `Catalog::compare_servers`.

mod stats;
mod targets;

use std::sync::Arc;
use std::time::Duration;

use gigway::domain::gig_filter::GigOrder;
use gigway::domain::id::CategoryId;
use gigway::store::pagination::PageKey;
use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::{Value, json};

use self::stats::{ServerStats, print};
use self::targets::Target;
use crate::deployment::Deployment;
use crate::load::{CONNECTIONS, LoadResult, post_request_bytes};
use crate::pgbench;
use crate::process::{Server, tree_time};
use crate::table::{Bound, Report, Row, float, median};
use crate::{Result, catalog, load};

const GIGS: u32 = 100_000;
const MANY_GIGS: u32 = 1_000_000;

/// Distinct queries, after which the memory of a gateway with a cache is measured.
const DISTINCT_QUERIES: u64 = 1_000_000;

/// Bound of the memory of a gateway besides its cache.
const MEMORY_WITHOUT_CACHE_MIB: f64 = 100.0;

const ROUNDS: usize = 5;
const ROUND_DURATION: Duration = Duration::from_secs(4);
const WARMUP: Duration = Duration::from_secs(2);

/// The page that is compared with the first one.
const FAR_PAGE: u32 = 1_000;
const PAGE_SIZE: u32 = 20;

const SQL: &str = include_str!("page.sql");

/// Concurrent clients of a search. Few, so that searches do not wait for each other.
const SEARCH_CLIENTS: u32 = 2;

/// The cache size of the gateways with a cache.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

const CACHE_VARIABLE: &str = "GIGWAY_CACHE_BYTES";

pub async fn run(million: bool) -> Result<Report> {
    let catalog = Catalog::new(GIGS).await?;
    let large = if million { Some(Catalog::new(MANY_GIGS).await?) } else { None };
    let mut all_stats = catalog.compare_servers().await?;
    let index_of = |all_stats: &[ServerStats], name: &str| {
        all_stats.iter().position(|stats| stats.name == name).expect("a measured server")
    };
    let rate =
        |all_stats: &[ServerStats], name: &str| median(all_stats[index_of(all_stats, name)].rates.clone());
    let ratio = |name, gigway: &str, other: &str, bound| Row {
        name,
        unit: "1/s",
        gigway: rate(&all_stats, gigway),
        other: rate(&all_stats, other),
        bound,
    };
    let mut rows = vec![
        ratio("uncached / mercurius", "uncached", "mercurius", Bound::AtLeastTimes(2.5)),
        ratio("uncached / mercurius x 2", "uncached", "mercurius x 2", Bound::AtLeastTimes(2.5)),
        ratio("uncached / pgbench", "uncached", "pgbench", Bound::AtLeastTimes(0.6)),
        ratio("cached / mercurius", "cached", "mercurius", Bound::AtLeastTimes(20.0)),
        ratio("cached / mercurius x 2", "cached", "mercurius x 2", Bound::AtLeastTimes(20.0)),
        ratio("cached / constant", "cached", "constant", Bound::AtLeastTimes(0.5)),
        ratio("cached, compressed / cached", "compressed", "cached", Bound::AtLeastTimes(0.7)),
        ratio("uncached / postgraphile", "uncached", "postgraphile", Bound::None),
    ];
    let uncached = &all_stats[index_of(&all_stats, "uncached")];
    rows.push(Row {
        name: "uncached p99 / p50",
        unit: "ms",
        gigway: median(uncached.p99.clone()),
        other: median(uncached.p50.clone()),
        bound: Bound::AtMostTimes(4.0),
    });
    let (far, near) = catalog.page_latencies().await?;
    rows.push(Row {
        name: "page 1000 / page 1",
        unit: "ms",
        gigway: far,
        other: near,
        bound: Bound::AtMostTimes(1.2),
    });
    let mut searches = Vec::new();
    if let Some(large) = &large {
        let (many, few) =
            compare_catalogs("1,000,000 gigs", large, "100,000 gigs", &catalog, &mut all_stats).await?;
        let bound = Bound::AtMostTimes(1.3);
        rows.push(Row { name: "1,000,000 gigs / 100,000", unit: "ms", gigway: many, other: few, bound });
        searches = large.searches().await?;
        let memory = catalog.memory_after_distinct_queries().await?;
        let cache = float(CACHE_BYTES / 1024) / 1024.0;
        let bound = Bound::AtMost(cache + MEMORY_WITHOUT_CACHE_MIB);
        rows.push(Row {
            name: "memory after 1,000,000 queries",
            unit: "MiB",
            gigway: memory,
            other: cache,
            bound,
        });
    }
    print("browse", &all_stats, 6);
    if !searches.is_empty() {
        print("1,000,000 gigs", &searches, 3);
    }
    let settings = json!({
        "connections": CONNECTIONS, "gigs": GIGS, "rounds": ROUNDS, "roundSeconds": ROUND_DURATION.as_secs(), "million": million,
        "servers": all_stats.iter().map(ServerStats::json).collect::<Vec<_>>(),
        "searches": searches.iter().map(ServerStats::json).collect::<Vec<_>>(),
    });
    Ok(Report { name: "browse", other: "other", settings, rows })
}

/// A deployment with many gigs.
struct Catalog {
    deployment: Deployment,
    categories: Vec<CategoryId>,
    /// The id of the main PostgreSQL process.
    postgres: u32,
}

impl Catalog {
    async fn new(gigs: u32) -> Result<Self> {
        let deployment = Deployment::start().await?;
        catalog::load(&deployment.database_url, gigs).await?;
        let db = Database::connect(&deployment.database_url).await?;
        let query =
            async |sql: &str| db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await;
        let rows = query("SELECT id FROM category ORDER BY id").await?;
        let categories =
            rows.iter().map(|row| row.try_get_by_index(0)).collect::<std::result::Result<_, _>>()?;
        let rows = query("SELECT pg_backend_pid()").await?;
        let backend: i32 = rows.first().ok_or("no backend process id")?.try_get_by_index(0)?;
        let postgres = crate::process::parent(u32::try_from(backend)?)?;
        Ok(Self { deployment, categories, postgres })
    }

    fn uncached(&self) -> Result<Target> {
        let server = self.deployment.start_gateway(&[(CACHE_VARIABLE, "0".to_owned())])?;
        Ok(Target::gigway("uncached", server, &self.categories))
    }

    /// Measures all servers in turns, on the same tables.
    async fn compare_servers(&self) -> Result<Vec<ServerStats>> {
        let cached = self.deployment.start_gateway(&[(CACHE_VARIABLE, CACHE_BYTES.to_string())])?;
        let cached = Target::gigway("cached", cached, &self.categories);
        let page = cached.page().await?.to_string();
        let baseline = Server::baseline()?;
        reqwest::Client::new().put(baseline.url("/constant")).body(page).send().await?.error_for_status()?;
        let constant = Target {
            name: "constant",
            server: baseline,
            requests: cached.requests.iter().map(|it| replace_path(it, "/graphql", "/constant")).collect(),
        };
        let compressed = self.deployment.start_gateway(&[(CACHE_VARIABLE, CACHE_BYTES.to_string())])?;
        let compressed = Target::gigway("compressed", compressed, &self.categories);
        let mut targets = vec![
            self.uncached()?,
            cached,
            constant,
            Target::mercurius("mercurius", 1, &self.deployment.database_url, &self.categories)?,
            Target::mercurius("mercurius x 2", 2, &self.deployment.database_url, &self.categories)?,
            Target::postgraphile(&self.deployment.database_url, &self.categories)?,
        ];
        for target in targets.iter().chain([&compressed]) {
            target.page().await?;
        }
        targets.push(compressed.compressed().await?);
        let mut all_stats: Vec<_> = targets.iter().map(|it| ServerStats::new(it.name)).collect();
        let mut pgbench = ServerStats::new("pgbench");
        for target in &targets {
            load::run(&target.server.address, &target.requests, CONNECTIONS, WARMUP).await?;
        }
        for round in 1..=ROUNDS {
            for (target, stats) in targets.iter().zip(&mut all_stats) {
                self.measure(stats, target).await?;
            }
            self.run_pgbench(&mut pgbench)?;
            eprintln!("round {round} of {ROUNDS}");
        }
        all_stats.push(pgbench);
        Ok(all_stats)
    }

    /// Measures one round of a server.
    async fn measure(&self, stats: &mut ServerStats, target: &Target) -> Result<()> {
        let times = || -> Result<[Duration; 3]> {
            Ok([target.server.tree_time()?, tree_time(self.postgres)?, tree_time(std::process::id())?])
        };
        let before = times()?;
        let result = load::run(&target.server.address, &target.requests, CONNECTIONS, ROUND_DURATION).await?;
        let after = times()?;
        // The servers are children of this process, so their time is subtracted from that of the clients.
        let [server, database, all] = [0, 1, 2].map(|index| after[index].saturating_sub(before[index]));
        stats.add(&result, [server, database, all.saturating_sub(server)]);
        Ok(())
    }

    fn run_pgbench(&self, stats: &mut ServerStats) -> Result<()> {
        let dir = tempfile::tempdir()?;
        let mut arguments: Vec<String> = [
            "-c",
            &CONNECTIONS.to_string(),
            "-j",
            "2",
            "-T",
            &(WARMUP + ROUND_DURATION).as_secs().to_string(),
        ]
        .map(str::to_owned)
        .into();
        for (number, category) in self.categories.iter().enumerate() {
            let file = dir.path().join(format!("{number}.sql"));
            std::fs::write(&file, SQL.replace(":category", &category.to_string()))?;
            arguments.extend(["-f".to_owned(), file.display().to_string()]);
        }
        let prefix = dir.path().join("latencies");
        arguments.extend(["-l".to_owned(), format!("--log-prefix={}", prefix.display())]);
        let times =
            || -> Result<[Duration; 2]> { Ok([tree_time(self.postgres)?, tree_time(std::process::id())?]) };
        let before = times()?;
        pgbench::run(&self.deployment.database_url, &arguments)?;
        let after = times()?;
        let result = LoadResult::new(pgbench::latencies(&prefix, WARMUP)?, ROUND_DURATION)?;
        // The processor time includes the warm-up, so only the measured round's share of it is counted.
        let measured_share = |time: Duration| {
            time * u32::try_from(ROUND_DURATION.as_secs()).unwrap_or(1)
                / u32::try_from((WARMUP + ROUND_DURATION).as_secs()).unwrap_or(1)
        };
        let [database, clients] =
            [0, 1].map(|index| measured_share(after[index].saturating_sub(before[index])));
        stats.add(&result, [Duration::ZERO, database, clients]);
        Ok(())
    }

    /// Median latencies in milliseconds of page 1000 of all gigs and of page 1, measured in turns without a
    /// cache.
    async fn page_latencies(&self) -> Result<(f64, f64)> {
        let gateway = self.deployment.start_gateway(&[(CACHE_VARIABLE, "0".to_owned())])?;
        let db = self.deployment.services.db.read();
        let offset = (FAR_PAGE - 1) * PAGE_SIZE - 1;
        let sql = format!(
            "SELECT published_at, id FROM gig WHERE status = 'ACTIVE' ORDER BY published_at DESC, id DESC \
             OFFSET {offset} LIMIT 1"
        );
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
        let row = row.ok_or("not enough gigs for this page")?;
        let published_at: sea_orm::prelude::DateTimeUtc = row.try_get_by_index(0)?;
        let (order, values) = (GigOrder::Newest.into(), vec![published_at.timestamp_micros()]);
        let after = PageKey { order, values, id: row.try_get_by_index(1)? }.to_cursor();
        let query = "query($after: String) { gigs(first: 20, after: $after) { nodes { id title price { amount } \
                     seller { displayName } images { url } } pageInfo { hasNextPage endCursor } } }";
        let page = |after: Value| -> Arc<[Vec<u8>]> {
            [post_request_bytes("/graphql", &json!({ "query": query, "variables": { "after": after } }))]
                .into()
        };
        let (far, near) = (page(json!(after)), page(Value::Null));
        let (mut far_latencies, mut near_latencies) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let (far_result, near_result) = (
                load::run(&gateway.address, &far, CONNECTIONS, WARMUP).await?,
                load::run(&gateway.address, &near, CONNECTIONS, WARMUP).await?,
            );
            if round > 0 {
                far_latencies.push(far_result.p50);
                near_latencies.push(near_result.p50);
            }
        }
        Ok((median(far_latencies), median(near_latencies)))
    }

    /// Latencies of searches, counts and facets, without a cache.
    async fn searches(&self) -> Result<Vec<ServerStats>> {
        let gateway = self.deployment.start_gateway(&[(CACHE_VARIABLE, "0".to_owned())])?;
        let list = |order: &str, search: &str| {
            let query = "query($order: GigOrder, $search: String) { gigs(first: 20, orderBy: $order, search: $search) \
                         { nodes { id title price { amount } seller { displayName } } pageInfo { endCursor } } }";
            json!({ "query": query, "variables": { "order": order, "search": search } })
        };
        let queries = [
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
        let mut all_stats = Vec::with_capacity(queries.len());
        for (name, body) in queries {
            let requests: Arc<[Vec<u8>]> = [post_request_bytes("/graphql", &body)].into();
            load::send_once(&gateway.address, &requests[0]).await?;
            let mut stats = ServerStats::new(name);
            stats.add(
                &load::run(&gateway.address, &requests, SEARCH_CLIENTS, WARMUP).await?,
                [Duration::ZERO; 3],
            );
            all_stats.push(stats);
        }
        Ok(all_stats)
    }

    /// Memory of a gateway in MiB after many distinct queries.
    async fn memory_after_distinct_queries(&self) -> Result<f64> {
        eprintln!("sending {DISTINCT_QUERIES} distinct queries");
        let gateway = self.deployment.start_gateway(&[(CACHE_VARIABLE, CACHE_BYTES.to_string())])?;
        let query = "query($minPrice: Decimal) { gigs(where: { minPrice: $minPrice }, first: 3) { nodes { id title \
                     description price { amount } } } }";
        load::send_all(&gateway.address, DISTINCT_QUERIES, move |number| {
            // Below all prices, so that each query finds and costs the same.
            let min_price = format!("0.{number:07}");
            post_request_bytes("/graphql", &json!({ "query": query, "variables": { "minPrice": min_price } }))
        })
        .await?;
        Ok(float(gateway.memory()?) / 1024.0)
    }
}

/// Median latencies of the page in two catalogs, in milliseconds, measured in turns.
async fn compare_catalogs(
    name: &'static str,
    catalog: &Catalog,
    other_name: &'static str,
    other: &Catalog,
    all_stats: &mut Vec<ServerStats>,
) -> Result<(f64, f64)> {
    let targets = [catalog.uncached()?, other.uncached()?];
    let mut stats = [ServerStats::new(name), ServerStats::new(other_name)];
    for round in 0..=ROUNDS {
        for ((target, catalog), stats) in targets.iter().zip([catalog, other]).zip(&mut stats) {
            if round == 0 {
                load::run(&target.server.address, &target.requests, CONNECTIONS, WARMUP).await?;
            } else {
                catalog.measure(stats, target).await?;
            }
        }
    }
    let medians = (median(stats[0].p50.clone()), median(stats[1].p50.clone()));
    all_stats.extend(stats);
    Ok(medians)
}

fn replace_path(request: &[u8], path: &str, replacement: &str) -> Vec<u8> {
    String::from_utf8_lossy(request).replacen(path, replacement, 1).into_bytes()
}
