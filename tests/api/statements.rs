//! How many statements a query takes: as many for a long list as for a short one, of every list in the schema, three
//! levels deep.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, FieldDefinition, TypeKind, TypeSystemDefinition};
use serde_json::json;

use crate::support::client::Client;
use crate::support::on_both_back_ends;
use crate::support::pictures::small;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::submitted;

/// Lists of lists, so deep.
const LEVELS: usize = 3;

/// No query here takes more statements than these, however long its lists are.
const MOST: u64 = 16;

/// The schema's types that have fields, and of what its unions are.
struct Schema {
    fields: BTreeMap<String, Vec<FieldDefinition>>,
    possible: BTreeMap<String, Vec<String>>,
}

/// A way from the root to a list: the fields on it, of which the last is the list.
type Way = Vec<Step>;

#[derive(Debug, Clone)]
struct Step {
    /// The type that has the field, for a fragment where it is one of several.
    of: String,
    field: String,
    /// The field's own type.
    to: String,
    is_list: bool,
    is_paged: bool,
}

impl Schema {
    fn read() -> Self {
        let schema = parse_schema(include_str!("../../schema.graphql")).expect("it is one");
        let (mut fields, mut possible) = (BTreeMap::new(), BTreeMap::<String, Vec<String>>::new());
        for definition in schema.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.to_string();
            match definition.node.kind {
                TypeKind::Object(object) => {
                    for interface in object.implements {
                        possible.entry(interface.node.to_string()).or_default().push(name.clone());
                    }
                    fields.insert(name, object.fields.into_iter().map(|field| field.node).collect());
                }
                TypeKind::Union(union) => {
                    possible.insert(name, union.members.iter().map(|of| of.node.to_string()).collect());
                }
                _ => {}
            }
        }
        Self { fields, possible }
    }

    /// The objects that a value of this type can be.
    fn objects(&self, of: &str) -> Vec<String> {
        match self.possible.get(of) {
            Some(possible) => possible.clone(),
            None => vec![of.to_owned()],
        }
    }

    fn is_composite(&self, name: &str) -> bool {
        self.fields.contains_key(name) || self.possible.contains_key(name)
    }

    /// The fields of this type that have fields, and need no argument but those of a page.
    fn steps(&self, of: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        for object in self.objects(of) {
            for field in self.fields.get(&object).into_iter().flatten() {
                let takes =
                    |name: &str| field.arguments.iter().any(|argument| argument.node.name.node == name);
                let needs_more = field.arguments.iter().any(|it| !it.node.ty.node.nullable);
                let to = base(&field.ty.node.base);
                if self.is_composite(&to) && !needs_more && !field.name.node.starts_with('_') {
                    steps.push(Step {
                        of: object.clone(),
                        field: field.name.node.to_string(),
                        is_list: matches!(field.ty.node.base, BaseType::List(_)),
                        is_paged: takes("first"),
                        to,
                    });
                }
            }
        }
        steps
    }

    /// Every way to a list over at most so many lists.
    fn ways(&self) -> Vec<Way> {
        let (mut ways, mut open): (Vec<Way>, Vec<Way>) = (Vec::new(), vec![Vec::new()]);
        while let Some(way) = open.pop() {
            let of = way.last().map_or("Query", |step| step.to.as_str());
            for step in self.steps(of) {
                // `edges` and `nodes` are two roads to the same; nobody goes a road twice without a list between.
                let lists = way.iter().filter(|before| before.is_list).count();
                let since = way.iter().rev().take_while(|before| !before.is_list);
                if lists == LEVELS || since.clone().any(|before| before.to == step.to) || since.count() > 3 {
                    continue;
                }
                let longer: Way = way.iter().cloned().chain([step]).collect();
                if longer.last().is_some_and(|step| step.is_list) {
                    ways.push(longer.clone());
                }
                open.push(longer);
            }
        }
        ways
    }

    /// The scalars of an object that need no argument.
    fn scalars(&self, of: &str) -> String {
        let scalars = self
            .fields
            .get(of)
            .into_iter()
            .flatten()
            .filter(|field| !self.is_composite(&base(&field.ty.node.base)) && field.arguments.is_empty());
        // Each look at personal information is written down, and is no list.
        let names: Vec<_> =
            scalars.map(|field| field.name.node.as_str()).filter(|name| *name != "pattern").collect();
        names.join(" ")
    }

    /// A query that goes this way and reads all scalars on it, with pages of such lengths.
    fn query(&self, way: &[Step], lengths: &[usize]) -> String {
        let (mut query, mut lengths) = ("{".to_owned(), lengths.iter());
        let mut brackets = 1;
        let mut at = "Query".to_owned();
        for step in way {
            if step.of != at {
                write!(query, " ... on {} {{", step.of).expect("text");
                brackets += 1;
            }
            write!(query, " {}", step.field).expect("text");
            if step.is_paged {
                write!(query, "(first: {})", lengths.next().unwrap_or(&2)).expect("text");
            }
            write!(query, " {{ __typename {}", self.scalars(&step.to)).expect("text");
            brackets += 1;
            at.clone_from(&step.to);
        }
        query + &" }".repeat(brackets)
    }
}

fn base(of: &BaseType) -> String {
    match of {
        BaseType::Named(name) => name.to_string(),
        BaseType::List(inner) => base(&inner.base),
    }
}

/// How many statements the query takes. The gateway has work of its own beside it, which can only add to
/// what is counted: so the least of several counts is the query's.
async fn statements(app: &TestApp, client: &Client, query: &str) -> u64 {
    let mut least = u64::MAX;
    for _ in 0..3 {
        let before = app.services().db.statements();
        client.run(query, json!({})).await;
        least = least.min(app.services().db.statements() - before);
    }
    least
}

/// Three sellers with four listed gigs each, some with pictures, and verifications and gigs that wait.
async fn market(app: &TestApp) -> (Vec<TestUser>, TestUser) {
    let rita = app.reviewer("Rita").await;
    let mut sellers = Vec::new();
    for (shade, name) in [(1, "Ann"), (9, "Bob"), (17, "Cid")] {
        let seller = app.member(name).await;
        submitted(&seller, &format!("P12345{shade}"), shade).await;
        sellers.push(seller);
    }
    for number in 0..12 {
        let seller = &sellers[number % 3];
        let image = seller.client.upload_picture(small()).await;
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

async fn no_list_takes_more_statements_because_it_is_longer(app: TestApp) {
    let schema = Schema::read();
    let ways = schema.ways();
    // Every list that a query comes to is among them.
    let lists: std::collections::BTreeSet<_> =
        ways.iter().filter_map(|way| way.last().map(|step| format!("{}.{}", step.of, step.field))).collect();
    for list in [
        "GigConnection.nodes",
        "ReviewItemConnection.nodes",
        "Gig.images",
        "GigFacets.tags",
        "Verification.documents",
    ] {
        assert!(lists.contains(list), "{list} is not among {lists:?}");
    }
    let (sellers, rita) = market(&app).await;
    for way in &ways {
        // Somebody who has signed in: answers to strangers are kept, and take none.
        let is_own = way[0].field == "viewer";
        let client = if is_own { &sellers[0].client } else { &rita.client };
        // Five of the queue are of both kinds.
        let (short, long) = (schema.query(way, &[5, 1, 1]), schema.query(way, &[8, 4, 3]));
        let of_short = statements(&app, client, &short).await;
        let of_long = statements(&app, client, &long).await;
        assert!(of_long <= of_short.max(1), "{of_short} statements become {of_long}: {long}");
        assert!(of_long <= MOST, "{of_long} statements: {long}");
    }
}

/// What takes an argument, and so is on none of those ways.
async fn neither_do_nodes_nor_searches(app: TestApp) {
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

async fn what_is_not_asked_for_takes_no_statement(app: TestApp) {
    let (_, rita) = market(&app).await;
    let cases = [
        // Who asks is one, and is not counted here.
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
        let took = statements(&app, &rita.client, query).await - caller;
        assert_eq!(took, expected, "{query}");
    }
    // Behind a cursor the other side is looked for, where it is asked for.
    let mut page = rita.client.run("{ gigs(first: 1) { pageInfo { endCursor } } }", json!({})).await;
    let after = page["gigs"]["pageInfo"]["endCursor"].take();
    for (asked, expected) in [("hasNextPage", 1), ("hasPreviousPage", 2)] {
        let query =
            format!("{{ gigs(first: 1, after: {after}) {{ nodes {{ id }} pageInfo {{ {asked} }} }} }}");
        assert_eq!(statements(&app, &rita.client, &query).await - caller, expected, "{asked}");
    }
}

on_both_back_ends!(
    no_list_takes_more_statements_because_it_is_longer,
    neither_do_nodes_nor_searches,
    what_is_not_asked_for_takes_no_statement,
);
