//! How well the cost of a query stands for its time: the most and the least milliseconds for a point. The time of a query
//! that reads nothing is subtracted, since it is that of the request, and requests have their own limit.

use std::time::Instant;

use serde_json::{Value, json};

use crate::Result;
use crate::deployment::Deployment;
use crate::load::{post_request_bytes, send_once};
use crate::process::Server;
use crate::table::{Bound, Row, float, median};

/// How often each query is sent.
const REPEATS: usize = 7;

const MAX_SPREAD: f64 = 20.0;

/// The prices of production. The other limits are switched off.
const PRODUCTION_PRICES: &str = r#"{
    "anonymous": {"capacity": 1000000000, "perMinute": 1000000000},
    "requests": {"capacity": 0, "perMinute": 0},
    "databaseTime": {"freeMillis": 3, "costPerMilli": 50}
}"#;

pub async fn row(deployment: &Deployment) -> Result<Row> {
    let settings = [("GIGWAY_CACHE_BYTES", "0"), ("GIGWAY_BUDGETS", PRODUCTION_PRICES)];
    let gateway = deployment.start_gateway(&settings.map(|(name, value)| (name, value.to_owned())))?;
    let (request_time, _) = measure(&gateway, "{ __typename }").await?;
    let (mut most, mut least) = (f64::MIN, f64::MAX);
    for (name, query) in queries() {
        let (time, cost) = measure(&gateway, &query).await?;
        let ratio = (time - request_time) / cost;
        eprintln!("{name}: {time:.2} ms, cost {cost}, {ratio:.4} ms for a point");
        (most, least) = (most.max(ratio), least.min(ratio));
    }
    Ok(Row {
        name: "milliseconds for a point: most / least",
        unit: "ms",
        gigway: most,
        other: least,
        bound: Bound::AtMostTimes(MAX_SPREAD),
    })
}

/// The median time of a query in milliseconds, and its median cost.
async fn measure(gateway: &Server, query: &str) -> Result<(f64, f64)> {
    let request = post_request_bytes("/graphql", &json!({ "query": query, "extensions": { "cost": true } }));
    let (mut times, mut costs) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        let started_at = Instant::now();
        let body = send_once(&gateway.address, &request).await?;
        times.push(started_at.elapsed().as_secs_f64() * 1000.0);
        let body: Value = serde_json::from_str(&body)?;
        let cost = body["extensions"]["cost"]["actual"].as_u64();
        costs.push(float(cost.ok_or_else(|| format!("{query}: {body}"))?));
    }
    Ok((median(times), median(costs)))
}

/// Queries of lists of every kind, with and without results.
fn queries() -> Vec<(&'static str, String)> {
    let page = "nodes { id title price { amount } seller { displayName } images { url } }";
    let list = |arguments: &str, selection: &str| format!("{{ gigs({arguments}) {{ {selection} }} }}");
    let ids = |prefix: &str| {
        let id = |number: u32| format!("\"{prefix}_{number:026}\"");
        (0..100).map(id).collect::<Vec<_>>().join(" ")
    };
    let seven_filters = "where: { tags: [\"logo\"], sellerVerified: false, minPrice: \"500\", maxPrice: \"505\", \
                         maxDeliveryDays: 1 }, search: \"hand-made\"";
    vec![
        ("a page", list("first: 20", page)),
        ("100 gigs", list("first: 100", page)),
        ("100 ids", list("first: 100", "nodes { id }")),
        ("by price, nothing", list("where: { minPrice: \"1000000\" }", page)),
        ("by price and delivery, few", list("where: { maxPrice: \"5\", maxDeliveryDays: 1 }", page)),
        ("by verification", list("where: { sellerVerified: true }", page)),
        ("by a rare tag", list("where: { tags: [\"tag 77\"] }", page)),
        ("by an unknown tag", list("where: { tags: [\"nothing\"] }", page)),
        ("by seven filters, nothing", list(seven_filters, page)),
        ("cheapest", list("orderBy: PRICE_LOWEST", page)),
        ("search, common", list("search: \"modern\"", page)),
        ("search, relevance", list("search: \"mod\", orderBy: RELEVANCE", page)),
        ("search, never together", list("search: \"logo website\"", page)),
        ("search, nothing", list("search: \"xylophone\"", page)),
        ("search, mistyped", list("search: \"ilustration\"", page)),
        ("search, letters", list("search: \"a b c d e f g h i j\"", page)),
        ("count", list("first: 0", "totalCount")),
        ("count of a search", list("search: \"modern\"", "totalCount")),
        ("facets", list("first: 0", "facets { categories { count } priceRanges { count } }")),
        ("facets of tags", list("first: 0", "facets { tags { tag count } }")),
        ("facets of a search", list("search: \"logo\"", "facets { tags { tag count } }")),
        ("unknown gigs", format!("{{ nodes(ids: [{}]) {{ id }} }}", ids("gig"))),
        ("documents of others", format!("{{ nodes(ids: [{}]) {{ id }} }}", ids("doc"))),
        ("categories", "{ categories { id name } }".to_owned()),
    ]
}
