//! How well the cost of an operation stands for its time: the most and the least milliseconds for a point.

use std::time::Instant;

use serde_json::{Value, json};

use crate::Result;
use crate::deployment::Deployment;
use crate::load::{post_request_bytes, send_once};
use crate::table::{Bound, Row, float, median};

/// How often each query is sent.
const REPEATS: usize = 7;

const MAX_SPREAD: f64 = 20.0;

pub async fn row(deployment: &Deployment) -> Result<Row> {
    let gateway = deployment.start_gateway(&[("GIGWAY_CACHE_BYTES", "0".to_owned())])?;
    let (mut most, mut least) = (f64::MIN, f64::MAX);
    for (name, query) in queries() {
        let request = json!({ "query": query, "extensions": { "cost": true } });
        let request = post_request_bytes("/graphql", &request);
        let (mut times, mut costs) = (Vec::new(), Vec::new());
        for _ in 0..REPEATS {
            let started_at = Instant::now();
            let body = send_once(&gateway.address, &request).await?;
            times.push(started_at.elapsed().as_secs_f64() * 1000.0);
            let body: Value = serde_json::from_str(&body)?;
            let cost = body["extensions"]["cost"]["actual"].as_u64();
            costs.push(float(cost.ok_or_else(|| format!("{name}: {body}"))?));
        }
        let (time, cost) = (median(times), median(costs));
        let ratio = time / cost;
        eprintln!("{name}: {time:.2} ms, cost {cost}, {ratio:.3} ms for a point");
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
        ("cheapest", list("orderBy: PRICE_ASC", page)),
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
