//! The 13 checks of the security scanner graphql-cop. Each sends the scanner's request and reports what the
//! scanner would report. The scanner itself is written in Python and cannot be installed from the registries
//! that the build uses.

use gigway::config::Settings;
use serde_json::{Value, json};

use crate::protections::production;
use crate::support::client::Client;
use crate::support::test_app::TestApp;

struct Scanner {
    client: Client,
}

impl Scanner {
    async fn post(&self, query: &str) -> Value {
        self.client.execute(query, Value::Null).await
    }

    async fn get(&self, query: &str) -> Value {
        let response =
            self.client.get("/graphql").query(&[("query", query)]).send().await.expect("a response");
        response.json().await.expect("JSON")
    }

    /// Everything that the scanner would report.
    async fn report(&self) -> Vec<&'static str> {
        let mut report = Vec::new();
        let mut check = |name, is_vulnerable: bool| {
            if is_vulnerable {
                report.push(name);
            }
        };
        let suggested = self.post("query { __schema { directive } }").await.to_string();
        check("field suggestions", suggested.contains("Did you mean"));
        let schema = self.post("query { __schema { types { name fields { name } } } }").await;
        check("introspection", schema["data"]["__schema"]["types"].is_array());
        let mut has_ide = false;
        for path in ["/graphiql", "/playground", "/console", "/graphql"] {
            let page = self.client.fetch(path).await.1.text().await.expect("a text");
            has_ide |= ["graphiql.min.css", "GraphQL Playground", "GraphiQL", "graphql-playground"]
                .iter()
                .any(|word| page.contains(word));
        }
        check("GraphQL IDE", has_ide);
        check("GET queries", !self.get("{__typename}").await["data"]["__typename"].is_null());
        let aliases: Vec<_> = (0..=100).map(|number| format!("alias{number}:__typename \n")).collect();
        let response = self.post(&format!("query {{ {} }}", aliases.concat())).await;
        check("alias overloading", !response["data"]["alias100"].is_null());
        let batch = vec![json!({ "query": "query { __typename }" }); 11];
        let batch = self.client.post("/graphql").json(&batch).send().await.expect("a response");
        let batch: Value = batch.json().await.expect("JSON");
        check("batch queries", batch.as_array().is_some_and(|responses| responses.len() >= 10));
        let duplicated = self.post(&format!("query {{ {} }}", "__typename \n".repeat(500))).await;
        check("field duplication", !duplicated["data"]["__typename"].is_null());
        let plain = self.post("query { __typename }").await;
        check(
            "trace mode",
            plain.get("extensions").is_some() || plain.to_string().to_lowercase().contains("stacktrace"),
        );
        let directives = self.post("query { __typename @aa@aa@aa@aa@aa@aa@aa@aa@aa@aa }").await;
        check("directive overloading", directives["errors"].as_array().map(Vec::len) == Some(10));
        let circular = "query { __schema { types { fields { type { fields { type { fields { type { fields \
                        { type { name } } } } } } } } } } }";
        let types = self.post(circular).await["data"]["__schema"]["types"].take();
        check("circular introspection", types.as_array().is_some_and(|types| types.len() > 25));
        check("GET mutation", !self.get("mutation {__typename}").await["data"]["__typename"].is_null());
        let url_encoded = self.client.post("/graphql").query(&[("query", "query {__typename}")]);
        let url_encoded: Value = url_encoded.send().await.expect("a response").json().await.expect("JSON");
        check("POST by address", !url_encoded["data"]["__typename"].is_null());
        let unhandled = self.post("qwerty cop { abc }").await;
        check("unhandled errors", !unhandled["errors"][0]["extensions"]["exception"].is_null());
        report
    }
}

async fn report(settings: Settings) -> Vec<&'static str> {
    let app = TestApp::start(settings, 1).await;
    Scanner { client: app.gateway_a() }.report().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scanner_finds_only_get_queries_in_production_and_nothing_if_they_are_off() {
    assert_eq!(report(production()).await, ["GET queries"]);
    assert_eq!(report(Settings { get: Some("persisted".into()), ..production() }).await, [""; 0]);
    // In development the checks do find something.
    let development =
        report(Settings { operation_limits: Some(r#"{"batch":11}"#.into()), ..Settings::default() }).await;
    assert_eq!(
        development,
        ["field suggestions", "introspection", "GraphQL IDE", "GET queries", "batch queries"]
    );
}
