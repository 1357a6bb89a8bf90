//! The servers that are compared, and their requests for one page of gigs.

use std::process::Command;
use std::sync::Arc;

use gigway::domain::id::{CategoryId, PublicId};
use serde_json::{Value, json};

use crate::Result;
use crate::environment::repository;
use crate::load::{head_of, post_request_bytes, send_once};
use crate::process::Server;

/// The selection for gigway and Mercurius.
const FIELDS: &str = "nodes { id title price { amount currencyCode } deliveryDays category { name }
    seller { id displayName level verified } images { id url width height } } pageInfo { hasNextPage endCursor }";

/// The same page in the schema that PostGraphile generates from the tables.
const POSTGRAPHILE_QUERY: &str = r#"query Browse($category: UUID!) {
    gigs(condition: { status: "ACTIVE", categoryId: $category }, first: 20, orderBy: [PUBLISHED_AT_DESC, ID_DESC]) {
        nodes { id title priceCents deliveryDays category { name }
            seller { id displayName points verifiedAt } gigImagesList(orderBy: ORDINAL_ASC) { id width height } }
        pageInfo { hasNextPage endCursor } } }"#;

/// A server, and its requests for the page of each category.
pub struct Target {
    pub name: &'static str,
    pub server: Server,
    pub requests: Arc<[Vec<u8>]>,
}

impl Target {
    pub fn gigway(name: &'static str, server: Server, categories: &[CategoryId]) -> Self {
        let query = format!(
            "query Browse($category: ID!) {{ gigs(where: {{ category: [$category] }}, first: 20) {{ {FIELDS} }} }}"
        );
        Self { name, server, requests: requests(&query, categories, CategoryId::to_public) }
    }

    /// The same with responses that are compressed by Brotli. Fails if they are not.
    pub async fn compressed(self) -> Result<Self> {
        let header = "\r\naccept-encoding: br\r\n";
        let add_header =
            |request: &Vec<u8>| String::from_utf8_lossy(request).replacen("\r\n", header, 1).into_bytes();
        let requests: Arc<[Vec<u8>]> = self.requests.iter().map(add_header).collect();
        let head = head_of(&self.server.address, &requests[0]).await?;
        if !head.to_ascii_lowercase().contains("content-encoding: br") {
            return Err(format!("{}: not compressed: {head}", self.name).into());
        }
        Ok(Self { requests, ..self })
    }

    /// Mercurius with this number of processes.
    pub fn mercurius(
        name: &'static str,
        processes: u32,
        database_url: &str,
        categories: &[CategoryId],
    ) -> Result<Self> {
        let query =
            format!("query Browse($category: ID!) {{ gigs(category: $category, first: 20) {{ {FIELDS} }} }}");
        let server = start_peer("mercurius", processes, database_url)?;
        Ok(Self { name, server, requests: requests(&query, categories, |id| id.to_string()) })
    }

    pub fn postgraphile(database_url: &str, categories: &[CategoryId]) -> Result<Self> {
        let server = start_peer("postgraphile", 2, database_url)?;
        let requests = requests(POSTGRAPHILE_QUERY, categories, |id| id.to_string());
        Ok(Self { name: "postgraphile", server, requests })
    }

    /// Requests the page. Fails unless it has 20 gigs, each with a seller and two images.
    pub async fn page(&self) -> Result<Value> {
        let body = send_once(&self.server.address, &self.requests[0]).await?;
        let page: Value = serde_json::from_str(&body)?;
        let gigs = page["data"]["gigs"]["nodes"].as_array().map_or(&[][..], Vec::as_slice);
        let is_complete = |gig: &Value| {
            let images = gig["images"].as_array().or(gig["gigImagesList"].as_array());
            gig["seller"]["displayName"].is_string() && images.is_some_and(|images| images.len() == 2)
        };
        if gigs.len() == 20 && gigs.iter().all(is_complete) {
            Ok(page)
        } else {
            Err(format!("{}: unexpected page: {body}", self.name).into())
        }
    }
}

fn requests(query: &str, categories: &[CategoryId], id_of: impl Fn(CategoryId) -> String) -> Arc<[Vec<u8>]> {
    let query = query.split_whitespace().collect::<Vec<_>>().join(" ");
    let request = |category: &CategoryId| {
        let path = "/graphql";
        post_request_bytes(path, &json!({ "query": query, "variables": { "category": id_of(*category) } }))
    };
    categories.iter().map(request).collect()
}

/// Starts a server of `bench/peers`. Installs its packages if necessary.
fn start_peer(name: &str, processes: u32, database_url: &str) -> Result<Server> {
    let dir = repository()?.join("bench").join("peers").join(name);
    if !dir.join("node_modules").join(".package-lock.json").is_file() {
        eprintln!("installing the packages of {name}");
        let output =
            Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&dir).output()?;
        if !output.status.success() {
            return Err(format!("npm ci: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
    }
    let mut node = Command::new("node");
    node.arg("server.js")
        .current_dir(&dir)
        .env("DATABASE_URL", database_url)
        .env("NODE_ENV", "production")
        .env("WORKERS", processes.to_string());
    Server::start(node)
}
