//! That the code is built as docs/ARCHITECTURE.md says: read as text, since the compiler allows any module every other.

mod cycles;
mod definitions;
mod documents;
mod imports;
mod layers;
mod links;
mod tokens;
mod tree;

use std::fs;
use std::path::Path;

use crate::layers::Rules;
use crate::tree::{Tree, files_below};

/// Which modules a top module of src/ may import; `*` is any. Its own it may always.
const LAYERS: &[(&str, &[&str])] = &[
    // The roots.
    ("main", &["*"]),
    ("lib", &["*"]),
    // What puts everything together.
    ("cli", &["*"]),
    ("app", &["*"]),
    // How requests come in. Of the schema the edge knows its error codes only.
    ("http", &["engine", "graphql::error", "service", "events", "media", "config"]),
    ("engine", &["graphql", "service", "events", "store", "config"]),
    ("graphql", &["service", "events", "store"]),
    ("demo", &["service", "media", "store"]),
    // What is done.
    ("service", &["events", "media", "store"]),
    ("events", &["store"]),
    // What stands on nothing.
    ("store", &[]),
    ("media", &[]),
    ("config", &[]),
    ("domain", &[]),
    ("clock", &[]),
];

/// These every other module may import. They import nothing, not even each other.
const EVERYBODY_MAY_IMPORT: &[&str] = &["domain", "clock"];

/// Where a crate may be used.
enum Crates<'a> {
    OnlyIn(&'a [&'a str]),
    NotIn(&'a [&'a str]),
}

/// Which crates stay in which modules.
const CRATES: &[(&[&str], Crates)] = &[
    (&["sea_orm", "sea_orm_migration", "entity", "migration"], Crates::OnlyIn(&["store"])),
    (&["async_graphql", "async_graphql_value"], Crates::OnlyIn(&["http", "engine", "graphql"])),
    (&["axum"], Crates::OnlyIn(&["http", "app", "cli"])),
    // Events between gateways, and rate limits that all of them share; config and app read the address.
    (&["redis"], Crates::OnlyIn(&["events", "service", "config", "app"])),
    // Rules wait for nothing.
    (&["tokio"], Crates::NotIn(&["domain"])),
];

/// What runs a test may be used by every test.
const CRATES_FREE_IN_TESTS: &[&str] = &["tokio", "migration"];

/// The types of the schema refer to each other by nature.
const MAY_BE_ENTANGLED: &[&str] = &["crate::graphql::types", "crate::graphql::inputs"];

/// How long a file may be, and the middle one of src/.
const MOST_LINES: usize = 400;
const MEDIAN_BELOW: usize = 150;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Fails with each violation on a line of its own.
fn expect_none(rule: &str, violations: &[String]) {
    assert!(violations.is_empty(), "{rule}: {} violations\n{}\n", violations.len(), violations.join("\n"));
}

#[test]
fn imports_follow_the_layer_table() {
    let rules = Rules {
        layers: LAYERS,
        everybody_may: EVERYBODY_MAY_IMPORT,
        crates: CRATES,
        crates_free_in_tests: CRATES_FREE_IN_TESTS,
    };
    let tree = Tree::read(root());
    assert!(tree.files.iter().map(|file| file.references.len()).sum::<usize>() > 1000, "most were not found");
    expect_none("layers", &rules.violations(&tree));
}

#[test]
fn no_two_files_import_each_other() {
    expect_none("cycles", &cycles::cycles(&Tree::read(root()), MAY_BE_ENTANGLED));
}

#[test]
fn files_are_short() {
    let (mut violations, mut lengths) = (Vec::new(), Vec::new());
    for folder in ["src", "entity/src", "migration/src", "tests", "bench/src"] {
        for path in files_below(root(), folder, "") {
            // What a person writes and reads; not data, nor what a tool has made.
            let is_source = [".rs", ".sql", ".mjs", ".js", ".md"].iter().any(|ending| path.ends_with(ending));
            let is_script = !path.rsplit('/').next().is_some_and(|name| name.contains('.'));
            if !is_source && !is_script {
                continue;
            }
            let lines = fs::read_to_string(root().join(&path)).expect("source is text").lines().count();
            if lines > MOST_LINES {
                violations.push(format!("{path}: {lines} lines, of at most {MOST_LINES}"));
            }
            if folder == "src" {
                lengths.push(lines);
            }
        }
    }
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    if median >= MEDIAN_BELOW {
        violations.push(format!("src: the median is {median} lines, and is to be below {MEDIAN_BELOW}"));
    }
    expect_none("lengths", &violations);
}

#[test]
fn what_the_architecture_names_is_there() {
    expect_none("names", &documents::violations(root(), "docs/ARCHITECTURE.md"));
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned()];
    documents.retain(|path| root().join(path).exists());
    documents.extend(files_below(root(), "docs", ".md"));
    expect_none("links", &links::violations(root(), &documents));
}
