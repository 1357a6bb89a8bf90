//! The schema as it is committed, and that all of it is described.

use serde_json::{Value, json};

use crate::support::npm;
use crate::support::test_app::TestApp;

/// What is described elsewhere: introspection (`__`) by the specification of GraphQL, `_service` and its like by that of
/// Federation; and the library says nothing of `ID`.
const BUILT_IN: [&str; 2] = ["_", "ID"];

#[test]
fn the_committed_schema_is_the_one_that_is_served() {
    let committed = include_str!("../../schema.graphql");
    assert!(committed == gigway::graphql::sdl(), "schema.graphql is old: run `make schema`");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_type_field_argument_and_value_is_described() {
    let app = TestApp::on_sqlite().await;
    let introspection = "{ __schema { types { name description
        fields(includeDeprecated: true) { name description args { name description } }
        inputFields { name description } enumValues(includeDeprecated: true) { name description } } } }";
    let types = app.gateway_a().run(introspection, json!({})).await["__schema"]["types"].take();
    let mut silent = Vec::new();
    let mut look = |path: String, described: &Value| {
        if described["description"].as_str().unwrap_or_default().is_empty() {
            silent.push(path);
        }
    };
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut looked_at = 0;
    for described in list(&types)
        .iter()
        .filter(|it| !BUILT_IN.iter().any(|start| it["name"].as_str().expect("a name").starts_with(start)))
    {
        let name = described["name"].as_str().expect("a name");
        look(name.to_owned(), described);
        for part in ["fields", "inputFields", "enumValues"] {
            let own = |field: &Value| !field["name"].as_str().expect("a name").starts_with('_');
            for field in list(&described[part]).into_iter().filter(own) {
                let path = format!("{name}.{}", field["name"].as_str().expect("a name"));
                for argument in list(&field["args"]) {
                    look(format!("{path}({})", argument["name"].as_str().expect("a name")), &argument);
                }
                look(path, &field);
                looked_at += 1;
            }
        }
    }
    assert!(looked_at > 200, "{looked_at}");
    assert_eq!(silent, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_schema_keeps_the_conventions_that_a_linter_knows() {
    npm::expect_success("lint-schema.mjs", &npm::run(npm::script("lint-schema.mjs", &[])).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_breaks_clients_that_the_changelog_does_not_name() {
    npm::expect_success("compare-schemas.mjs", &npm::run(npm::script("compare-schemas.mjs", &[])).await);
    // It does notice.
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("a file");
        file.display().to_string()
    };
    let old =
        write("old.graphql", "type Query { gig: Gig count: Int } type Gig { title: String! price: Int! }");
    let new = write("new.graphql", "type Query { gig: Gig count: Int } type Gig { title: String }");
    let silent = write(
        "silent.md",
        "## Unreleased\n\n- `Gig.title` may be null.\n\n## 0.1.0\n\n- `Gig.price` was there.\n",
    );
    let open = write("open.md", "## Unreleased\n\n- `Gig.title` may be null, and `Gig.price` is gone.\n");
    let compare =
        async |changelog: &str| npm::run(npm::script("compare-schemas.mjs", &[&old, &new, changelog])).await;
    let refused = compare(&silent).await;
    let complaint = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success());
    assert!(complaint.contains("`Gig.price`") && !complaint.contains("`Gig.title`"), "{complaint}");
    npm::expect_success("compare-schemas.mjs", &compare(&open).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_subgraph_composes_with_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("subgraph.graphql");
    std::fs::write(&file, gigway::graphql::federation_sdl()).expect("a file");
    let file = file.display().to_string();
    npm::expect_success("compose.mjs", &npm::run(npm::script("compose.mjs", &[&file])).await);
}
