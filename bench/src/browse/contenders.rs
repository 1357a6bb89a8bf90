//! The servers that answer with the page, each in its own words.

use std::process::Command;
use std::sync::Arc;

use gigway::domain::id::{CategoryId, PublicId};
use serde_json::{Value, json};

use super::load::{once, post};
use crate::Result;
use crate::process::Server;
use crate::surroundings::repository;

/// What gigway and Mercurius are asked.
const FIELDS: &str = "nodes { id title price { amount currencyCode } deliveryDays category { name }
    seller { id displayName level verified } images { id url width height } } pageInfo { hasNextPage endCursor }";

/// The same of the schema that PostGraphile makes of the tables.
const POSTGRAPHILE: &str = r#"query Browse($category: UUID!) {
    gigs(condition: { status: "ACTIVE", categoryId: $category }, first: 20, orderBy: [PUBLISHED_AT_DESC, ID_DESC]) {
        nodes { id title priceCents deliveryDays category { name }
            seller { id displayName points verifiedAt } gigImagesList(orderBy: ORDINAL_ASC) { id width height } }
        pageInfo { hasNextPage endCursor } } }"#;

/// A server, and its requests for the page of each category.
pub struct Contender {
    pub name: &'static str,
    pub server: Server,
    pub requests: Arc<[Vec<u8>]>,
}

impl Contender {
    pub fn gigway(name: &'static str, server: Server, categories: &[CategoryId]) -> Self {
        let query = format!(
            "query Browse($category: ID!) {{ gigs(where: {{ category: [$category] }}, first: 20) {{ {FIELDS} }} }}"
        );
        Self { name, server, requests: requests(&query, categories, CategoryId::to_public) }
    }

    /// In so many processes.
    pub fn mercurius(
        name: &'static str,
        processes: u32,
        database_url: &str,
        categories: &[CategoryId],
    ) -> Result<Self> {
        let query =
            format!("query Browse($category: ID!) {{ gigs(category: $category, first: 20) {{ {FIELDS} }} }}");
        let server = peer("mercurius", processes, database_url)?;
        Ok(Self { name, server, requests: requests(&query, categories, |id| id.to_string()) })
    }

    pub fn postgraphile(database_url: &str, categories: &[CategoryId]) -> Result<Self> {
        let server = peer("postgraphile", 2, database_url)?;
        let requests = requests(POSTGRAPHILE, categories, |id| id.to_string());
        Ok(Self { name: "postgraphile", server, requests })
    }

    /// The page as this server answers, which must have 20 gigs, each with what belongs to it.
    pub async fn page(&self) -> Result<Value> {
        let answer = once(&self.server.address, &self.requests[0]).await?;
        let page: Value = serde_json::from_str(&answer)?;
        let gigs = page["data"]["gigs"]["nodes"].as_array().map_or(&[][..], Vec::as_slice);
        let is_whole = |gig: &Value| {
            let images = gig["images"].as_array().or(gig["gigImagesList"].as_array());
            gig["seller"]["displayName"].is_string() && images.is_some_and(|images| images.len() == 2)
        };
        if gigs.len() == 20 && gigs.iter().all(is_whole) {
            Ok(page)
        } else {
            Err(format!("{}: not the page: {answer}", self.name).into())
        }
    }
}

fn requests(query: &str, categories: &[CategoryId], name: impl Fn(CategoryId) -> String) -> Arc<[Vec<u8>]> {
    let query = query.split_whitespace().collect::<Vec<_>>().join(" ");
    let request = |category: &CategoryId| {
        let path = "/graphql";
        post(path, &json!({ "query": query, "variables": { "category": name(*category) } }))
    };
    categories.iter().map(request).collect()
}

/// A server of `bench/peers`, its packages installed.
fn peer(name: &str, processes: u32, database_url: &str) -> Result<Server> {
    let folder = repository()?.join("bench").join("peers").join(name);
    if !folder.join("node_modules").join(".package-lock.json").is_file() {
        eprintln!("the packages of {name} are installed");
        let installed =
            Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder).output()?;
        if !installed.status.success() {
            return Err(format!("npm ci: {}", String::from_utf8_lossy(&installed.stderr)).into());
        }
    }
    let mut node = Command::new("node");
    node.arg("server.js")
        .current_dir(&folder)
        .env("DATABASE_URL", database_url)
        .env("NODE_ENV", "production")
        .env("WORKERS", processes.to_string());
    Server::start(node)
}
