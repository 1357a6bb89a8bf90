//! The committed schema: up to date, documented, linted, compatible with clients, and composable in a
//! federation.

use serde_json::{Value, json};

use crate::support::client::text;
use crate::support::npm;
use crate::support::test_app::TestApp;

/// Prefixes of types that are documented elsewhere: those of introspection (`__`) by the GraphQL
/// specification, `_Service` and others by the specification of Federation. The library has no description of
/// `ID`.
const BUILT_IN: [&str; 2] = ["_", "ID"];

#[test]
fn the_committed_schema_is_up_to_date() {
    let committed = include_str!("../../schema.graphql");
    assert!(committed == gigway::graphql::sdl(), "schema.graphql is out of date: run `make schema`");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_type_field_argument_and_enum_value_has_a_description() {
    let app = TestApp::on_sqlite().await;
    let introspection = "{ __schema { types { name description
        fields(includeDeprecated: true) { name description args { name description } }
        inputFields { name description } enumValues(includeDeprecated: true) { name description } } } }";
    let types = app.gateway_a().run(introspection, json!({})).await["__schema"]["types"].take();
    let mut without_description = Vec::new();
    let mut check = |path: String, element: &Value| {
        if element["description"].as_str().unwrap_or_default().is_empty() {
            without_description.push(path);
        }
    };
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut fields_checked = 0;
    for graphql_type in list(&types)
        .iter()
        .filter(|it| !BUILT_IN.iter().any(|start| it["name"].as_str().expect("a name").starts_with(start)))
    {
        let name = graphql_type["name"].as_str().expect("a name");
        check(name.to_owned(), graphql_type);
        for part in ["fields", "inputFields", "enumValues"] {
            let is_ours = |field: &Value| !field["name"].as_str().expect("a name").starts_with('_');
            for field in list(&graphql_type[part]).into_iter().filter(is_ours) {
                let path = format!("{name}.{}", field["name"].as_str().expect("a name"));
                for argument in list(&field["args"]) {
                    check(format!("{path}({})", argument["name"].as_str().expect("a name")), &argument);
                }
                check(path, &field);
                fields_checked += 1;
            }
        }
    }
    assert!(fields_checked > 200, "{fields_checked}");
    assert_eq!(without_description, [""; 0]);
}

/// The requirements of OWASP ASVS about codes, devices, e-mails and linked applications do not apply
/// (docs/SECURITY.md), as long as this holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_the_only_way_to_sign_in() {
    let app = TestApp::on_sqlite().await;
    let introspection = "{ __schema { types { name
        fields { name args { name } type { name ofType { name } } } inputFields { name } } } }";
    let types = app.gateway_a().run(introspection, json!({})).await["__schema"]["types"].take();
    let names = |list: &Value| -> Vec<String> {
        list.as_array().expect("a list").iter().map(|it| text(&it["name"])).collect()
    };
    // Where the fields of this type are, and their arguments.
    let fields_of_type = |type_name: &str| -> Vec<(String, Vec<String>)> {
        let types = types.as_array().expect("a list").iter();
        let fields = types.flat_map(|parent| {
            let fields = parent["fields"].as_array().into_iter().flatten();
            fields.map(move |field| (parent, field))
        });
        let of_type = fields.filter(|(_, field)| {
            let field_type = &field["type"];
            field_type["name"] == type_name || field_type["ofType"]["name"] == type_name
        });
        let path = |(parent, field): (&Value, &Value)| {
            (format!("{}.{}", text(&parent["name"]), text(&field["name"])), names(&field["args"]))
        };
        of_type.map(path).collect()
    };
    let inputs = |type_name: &str| {
        let found = types.as_array().expect("a list").iter().find(|it| it["name"] == type_name);
        names(&found.expect("a type")["inputFields"])
    };
    assert_eq!(fields_of_type("Session"), [("SessionPayload.session".to_owned(), vec![])]);
    let mut with_session = fields_of_type("SessionPayload");
    with_session.sort();
    let expected = [("refreshSession", "refreshToken"), ("signIn", "input"), ("signUp", "input")]
        .map(|(mutation, argument)| (format!("Mutation.{mutation}"), vec![argument.to_owned()]));
    assert_eq!(with_session, expected);
    assert_eq!(inputs("SignInInput"), ["email", "password"]);
    assert_eq!(inputs("SignUpInput"), ["email", "password", "displayName"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_schema_passes_the_linter() {
    npm::expect_success("lint-schema.mjs", &npm::run(npm::script("lint-schema.mjs", &[])).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_breaking_schema_change_is_in_the_changelog() {
    npm::expect_success("compare-schemas.mjs", &npm::run(npm::script("compare-schemas.mjs", &[])).await);
    // The script notices a breaking change that the changelog does not name.
    let dir = tempfile::tempdir().expect("a temporary directory");
    let write = |name: &str, text: &str| {
        let file = dir.path().join(name);
        std::fs::write(&file, text).expect("a file");
        file.display().to_string()
    };
    let old =
        write("old.graphql", "type Query { gig: Gig count: Int } type Gig { title: String! price: Int! }");
    let new = write("new.graphql", "type Query { gig: Gig count: Int } type Gig { title: String }");
    let incomplete = write(
        "incomplete.md",
        "## Unreleased\n\n- `Gig.title` may be null.\n\n## 0.1.0\n\n- `Gig.price` was there.\n",
    );
    let complete =
        write("complete.md", "## Unreleased\n\n- `Gig.title` may be null, and `Gig.price` is gone.\n");
    let compare =
        async |changelog: &str| npm::run(npm::script("compare-schemas.mjs", &[&old, &new, changelog])).await;
    let failed = compare(&incomplete).await;
    let stderr = String::from_utf8_lossy(&failed.stderr);
    assert!(!failed.status.success());
    assert!(stderr.contains("`Gig.price`") && !stderr.contains("`Gig.title`"), "{stderr}");
    npm::expect_success("compare-schemas.mjs", &compare(&complete).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_subgraph_composes_with_another_subgraph() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("subgraph.graphql");
    std::fs::write(&file, gigway::graphql::federation_sdl()).expect("a file");
    let file = file.display().to_string();
    npm::expect_success("compose.mjs", &npm::run(npm::script("compose.mjs", &[&file])).await);
}
