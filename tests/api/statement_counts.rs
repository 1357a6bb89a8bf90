//! The number of SQL statements that a query takes does not depend on the length of its lists. Checked for
//! every list in the schema, nested three levels deep.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, FieldDefinition, TypeKind, TypeSystemDefinition};
use serde_json::json;

use crate::support::client::Client;
use crate::support::on_both_back_ends;
use crate::support::sample_images::small_png;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::submit_verification;

/// The deepest nesting of lists.
const MAX_DEPTH: usize = 3;

/// The most statements that any of the queries may take.
const MAX_STATEMENTS: u64 = 16;

/// The object types with their fields, and the possible types of interfaces and unions.
struct Schema {
    fields: BTreeMap<String, Vec<FieldDefinition>>,
    possible_types: BTreeMap<String, Vec<String>>,
}

/// The fields from the root to a list; the last one is the list.
type ListPath = Vec<Step>;

#[derive(Debug, Clone)]
struct Step {
    /// The type that has the field; needed for a fragment if it is one of several possible types.
    parent_type: String,
    field: String,
    field_type: String,
    is_list: bool,
    /// Whether the field takes `first`.
    is_paged: bool,
}

impl Schema {
    fn read() -> Self {
        let schema = parse_schema(include_str!("../../schema.graphql")).expect("a valid schema");
        let (mut fields, mut possible_types) = (BTreeMap::new(), BTreeMap::<String, Vec<String>>::new());
        for definition in schema.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.to_string();
            match definition.node.kind {
                TypeKind::Object(object) => {
                    for interface in object.implements {
                        possible_types.entry(interface.node.to_string()).or_default().push(name.clone());
                    }
                    fields.insert(name, object.fields.into_iter().map(|field| field.node).collect());
                }
                TypeKind::Union(union) => {
                    let members = union.members.iter().map(|member| member.node.to_string()).collect();
                    possible_types.insert(name, members);
                }
                _ => {}
            }
        }
        Self { fields, possible_types }
    }

    /// The object types that a value of this type can have.
    fn object_types(&self, type_name: &str) -> Vec<String> {
        match self.possible_types.get(type_name) {
            Some(possible_types) => possible_types.clone(),
            None => vec![type_name.to_owned()],
        }
    }

    fn is_composite(&self, name: &str) -> bool {
        self.fields.contains_key(name) || self.possible_types.contains_key(name)
    }

    /// The fields of this type that return objects and have no required arguments.
    fn steps(&self, type_name: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        for object in self.object_types(type_name) {
            for field in self.fields.get(&object).into_iter().flatten() {
                let has_argument =
                    |name: &str| field.arguments.iter().any(|argument| argument.node.name.node == name);
                let has_required_argument = field.arguments.iter().any(|it| !it.node.ty.node.nullable);
                let field_type = base_type(&field.ty.node.base);
                if self.is_composite(&field_type)
                    && !has_required_argument
                    && !field.name.node.starts_with('_')
                {
                    steps.push(Step {
                        parent_type: object.clone(),
                        field: field.name.node.to_string(),
                        is_list: matches!(field.ty.node.base, BaseType::List(_)),
                        is_paged: has_argument("first"),
                        field_type,
                    });
                }
            }
        }
        steps
    }

    /// Every path to a list that crosses at most `MAX_DEPTH` lists.
    fn list_paths(&self) -> Vec<ListPath> {
        let (mut paths, mut open): (Vec<ListPath>, Vec<ListPath>) = (Vec::new(), vec![Vec::new()]);
        while let Some(path) = open.pop() {
            let type_name = path.last().map_or("Query", |step| step.field_type.as_str());
            for step in self.steps(type_name) {
                // Between two lists no type repeats, which would lead in circles.
                let lists = path.iter().filter(|earlier| earlier.is_list).count();
                let since_list = path.iter().rev().take_while(|earlier| !earlier.is_list);
                let is_repeated = since_list.clone().any(|earlier| earlier.field_type == step.field_type);
                if lists == MAX_DEPTH || is_repeated || since_list.count() > 3 {
                    continue;
                }
                let longer: ListPath = path.iter().cloned().chain([step]).collect();
                if longer.last().is_some_and(|step| step.is_list) {
                    paths.push(longer.clone());
                }
                open.push(longer);
            }
        }
        paths
    }

    /// The scalar fields of an object type that take no arguments.
    fn scalars(&self, type_name: &str) -> String {
        let scalars = self.fields.get(type_name).into_iter().flatten().filter(|field| {
            !self.is_composite(&base_type(&field.ty.node.base)) && field.arguments.is_empty()
        });
        let names: Vec<_> = scalars.map(|field| field.name.node.as_str()).collect();
        names.join(" ")
    }

    /// A query that follows this path and selects all scalars on it, with pages of these lengths.
    fn query(&self, path: &[Step], lengths: &[usize]) -> String {
        let (mut query, mut lengths) = ("{".to_owned(), lengths.iter());
        let mut brackets = 1;
        let mut current_type = "Query".to_owned();
        for step in path {
            if step.parent_type != current_type {
                write!(query, " ... on {} {{", step.parent_type).expect("text");
                brackets += 1;
            }
            write!(query, " {}", step.field).expect("text");
            if step.is_paged {
                write!(query, "(first: {})", lengths.next().unwrap_or(&2)).expect("text");
            }
            write!(query, " {{ __typename {}", self.scalars(&step.field_type)).expect("text");
            brackets += 1;
            current_type.clone_from(&step.field_type);
        }
        query + &" }".repeat(brackets)
    }
}

/// The name of the type without its list wrappers.
fn base_type(wrapped: &BaseType) -> String {
    match wrapped {
        BaseType::Named(name) => name.to_string(),
        BaseType::List(inner) => base_type(&inner.base),
    }
}

/// The number of statements that the query takes, without those of the gateway's background tasks.
async fn statements(app: &TestApp, client: &Client, query: &str) -> u64 {
    let before = app.services().db.statement_count();
    client.run(query, json!({})).await;
    app.services().db.statement_count() - before
}

/// Creates three sellers, each with four listed gigs and a verification in review, and four gigs in review.
/// Returns the sellers and a reviewer.
pub async fn market(app: &TestApp) -> (Vec<TestUser>, TestUser) {
    let rita = app.reviewer("Rita").await;
    let mut sellers = Vec::new();
    for (shade, name) in [(1, "Ann"), (9, "Bob"), (17, "Cid")] {
        let seller = app.member(name).await;
        submit_verification(&seller, &format!("P12345{shade}"), shade).await;
        sellers.push(seller);
    }
    for number in 0..12 {
        let seller = &sellers[number % 3];
        let image = seller.client.upload_image(small_png()).await;
        let mut form = app.gig_form(&format!("Gig number {number}")).await;
        form["imageIds"] = json!([image]);
        form["category"] = json!(app.category(["Music", "Web Design"][number % 2]).await);
        form["tags"] = json!(["one", "two"]);
        let id = seller.post(form).await;
        rita.approve(&id).await;
    }
    for number in 0..4 {
        sellers[0].post(app.gig_form(&format!("Waiting gig {number}")).await).await;
    }
    (sellers, rita)
}

async fn longer_lists_take_no_more_statements(app: TestApp) {
    let schema = Schema::read();
    let paths = schema.list_paths();
    // The search finds lists of every kind.
    let lists: std::collections::BTreeSet<_> = paths
        .iter()
        .filter_map(|path| path.last().map(|step| format!("{}.{}", step.parent_type, step.field)))
        .collect();
    for list in [
        "GigConnection.nodes",
        "ReviewItemConnection.nodes",
        "Gig.images",
        "GigFacets.tags",
        "Verification.documents",
    ] {
        assert!(lists.contains(list), "{list} is not among {lists:?}");
    }
    // The longest lists cost more than an operation may by default.
    let limits = r#"{"cost":20000}"#;
    let app = app.with_settings(|settings| settings.operation_limits = Some(limits.to_owned())).await;
    let (sellers, rita) = market(&app).await;
    // Reading the audit trail adds to it: `audit_trail` has its test. Fields with required arguments have theirs below.
    for path in paths.iter().filter(|path| path[0].field != "auditTrail") {
        // As a signed-in user, because cached responses to anonymous clients take no statements.
        let is_own = path[0].field == "viewer";
        let client = if is_own { &sellers[0].client } else { &rita.client };
        // Five items, so that the review queue contains both kinds.
        let (short, long) = (schema.query(path, &[5, 1, 1]), schema.query(path, &[8, 4, 3]));
        let for_short = statements(&app, client, &short).await;
        let for_long = statements(&app, client, &long).await;
        assert!(for_long <= for_short.max(1), "{for_short} statements become {for_long}: {long}");
        assert!(for_long <= MAX_STATEMENTS, "{for_long} statements: {long}");
    }
}

/// Fields with required arguments, and searches, are on none of the paths above.
async fn more_nodes_and_longer_searches_take_no_more_statements(app: TestApp) {
    let (sellers, rita) = market(&app).await;
    let ids: Vec<_> = sellers.iter().map(|seller| seller.id.as_str()).collect();
    let gigs =
        "gigs(first: 3) { totalCount nodes { title images { url } category { name } seller { displayName } }
        facets { categories { count } priceRanges { count } tags { count } } }";
    let nodes =
        |ids: &[&str]| format!("{{ nodes(ids: {}) {{ ... on User {{ displayName {gigs} }} }} }}", json!(ids));
    let one = statements(&app, &rita.client, &nodes(&ids[..1])).await;
    assert_eq!(statements(&app, &rita.client, &nodes(&ids)).await, one);
    let search = |first: i32| {
        let page = "nodes { title images { url } seller { displayName } }";
        format!("{{ gigs(first: {first}, search: \"gig\", orderBy: RELEVANCE) {{ {page} }} }}")
    };
    let (short, long) =
        (statements(&app, &rita.client, &search(2)).await, statements(&app, &rita.client, &search(10)).await);
    assert_eq!(short, long);
}

async fn only_selected_fields_take_statements(app: TestApp) {
    let (_, rita) = market(&app).await;
    let cases = [
        // The statement that loads the caller is not counted.
        ("{ gigs(first: 5) { nodes { id title } } }", 1),
        (
            "{ gigs(first: 5) { nodes { id title category { name } seller { displayName } images { url } } } }",
            1,
        ),
        ("{ gigs(first: 5) { totalCount } }", 2),
        (
            "{ gigs(first: 5) { nodes { id } totalCount pageInfo { hasNextPage hasPreviousPage endCursor } } }",
            2,
        ),
        ("{ gigs(first: 5) { nodes { id } facets { categories { count } } } }", 2),
        (
            "{ gigs(first: 5) { nodes { id } facets { categories { count } priceRanges { count } tags { tag } } } }",
            4,
        ),
        (
            "{ gigs(first: 5) { nodes { seller { gigs(first: 2) { nodes { seller { displayName } images { id } } } } } } }",
            2,
        ),
    ];
    let caller = statements(&app, &rita.client, "{ __typename }").await;
    for (query, expected) in cases {
        let count = statements(&app, &rita.client, query).await - caller;
        assert_eq!(count, expected, "{query}");
    }
    // After a cursor, `hasPreviousPage` takes a statement of its own, but only if it is selected.
    let mut page = rita.client.run("{ gigs(first: 1) { pageInfo { endCursor } } }", json!({})).await;
    let after = page["gigs"]["pageInfo"]["endCursor"].take();
    for (field, expected) in [("hasNextPage", 1), ("hasPreviousPage", 2)] {
        let query =
            format!("{{ gigs(first: 1, after: {after}) {{ nodes {{ id }} pageInfo {{ {field} }} }} }}");
        assert_eq!(statements(&app, &rita.client, &query).await - caller, expected, "{field}");
    }
}

/// Background jobs run, and the event log is read, about once a second.
async fn background_tasks_are_not_counted(app: TestApp) {
    let before = app.services().db.statement_count();
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    assert_eq!(app.services().db.statement_count(), before);
}

on_both_back_ends!(
    background_tasks_are_not_counted,
    longer_lists_take_no_more_statements,
    more_nodes_and_longer_searches_take_no_more_statements,
    only_selected_fields_take_statements,
);
