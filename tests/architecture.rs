//! Checks that the code follows docs/ARCHITECTURE.md: which modules may import which, cycles, lengths of
//! files, and names and links in documents. It reads the source as text, because the compiler lets every
//! module import any other.
//!
//! To add a module below src/, add a row to [`LAYERS`]. To restrict a crate, add a row to [`CRATES`].

#[path = "architecture/cycles.rs"]
mod cycles;
#[path = "architecture/definitions.rs"]
mod definitions;
#[path = "architecture/documents.rs"]
mod documents;
#[path = "architecture/imports.rs"]
mod imports;
#[path = "architecture/layers.rs"]
mod layers;
#[path = "architecture/links.rs"]
mod links;
#[path = "architecture/tokens.rs"]
mod tokens;
#[path = "architecture/tree.rs"]
mod tree;

use std::fs;
use std::path::Path;

use crate::layers::Rules;
use crate::tree::{Tree, files_below};

/// Which modules each top-level module of src/ may import besides itself. `*` means any.
const LAYERS: &[(&str, &[&str])] = &[
    // Crate roots.
    ("main", &["*"]),
    ("lib", &["*"]),
    // Wiring.
    ("cli", &["*"]),
    ("app", &["*"]),
    // Requests. Of the schema, `http` may import only the error codes.
    ("http", &["engine", "graphql::error", "service", "events", "media", "config"]),
    ("engine", &["graphql", "service", "events", "store", "config"]),
    ("graphql", &["service", "events", "store"]),
    ("demo", &["service", "media", "store"]),
    // Use cases and events.
    ("service", &["events", "media", "store"]),
    ("events", &["store"]),
    // The lowest layers.
    ("store", &[]),
    ("media", &[]),
    ("config", &[]),
    ("domain", &[]),
    ("clock", &[]),
];

/// Modules that every other module may import. They import nothing, not even each other.
const SHARED_MODULES: &[&str] = &["domain", "clock"];

/// The modules in which a crate may be used.
enum Crates<'a> {
    OnlyIn(&'a [&'a str]),
    NotIn(&'a [&'a str]),
}

/// Which crates are restricted to which modules.
const CRATES: &[(&[&str], Crates)] = &[
    (&["sea_orm", "sea_orm_migration", "entity", "migration"], Crates::OnlyIn(&["store"])),
    (&["async_graphql", "async_graphql_value"], Crates::OnlyIn(&["http", "engine", "graphql"])),
    (&["axum"], Crates::OnlyIn(&["http", "app", "cli"])),
    // Events between gateways, and shared rate limits. `config` and `app` read the URL.
    (&["redis"], Crates::OnlyIn(&["events", "service", "config", "app"])),
    // Rules are not async.
    (&["tokio"], Crates::NotIn(&["domain"])),
];

/// Crates that all tests may use.
const CRATES_ALLOWED_IN_TESTS: &[&str] = &["tokio", "migration"];

/// Modules with allowed cycles: the types of the schema refer to each other.
const CYCLES_ALLOWED_IN: &[&str] = &["crate::graphql::types", "crate::graphql::inputs"];

/// The maximum length of a file, and the bound of the median in src/.
const MAX_LINES: usize = 400;
const MEDIAN_BELOW: usize = 150;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Fails with one violation per line.
fn expect_none(rule: &str, violations: &[String]) {
    assert!(violations.is_empty(), "{rule}: {} violations\n{}\n", violations.len(), violations.join("\n"));
}

#[test]
fn imports_follow_the_layer_table() {
    let rules = Rules {
        layers: LAYERS,
        shared_modules: SHARED_MODULES,
        crates: CRATES,
        crates_allowed_in_tests: CRATES_ALLOWED_IN_TESTS,
    };
    let tree = Tree::read(root());
    assert!(
        tree.files.iter().map(|file| file.references.len()).sum::<usize>() > 1000,
        "too few references found"
    );
    expect_none("layers", &rules.violations(&tree));
}

#[test]
fn files_do_not_import_each_other_in_cycles() {
    expect_none("cycles", &cycles::cycles(&Tree::read(root()), CYCLES_ALLOWED_IN));
}

#[test]
fn files_are_short() {
    let (mut violations, mut lengths) = (Vec::new(), Vec::new());
    for dir in ["src", "entity/src", "migration/src", "tests", "bench/src"] {
        for path in files_below(root(), dir, "") {
            // Files that people write, not data or generated files.
            let is_source = [".rs", ".sql", ".mjs", ".js", ".ts", ".tsx", ".md"]
                .iter()
                .any(|ending| path.ends_with(ending));
            let is_script = !path.rsplit('/').next().is_some_and(|name| name.contains('.'));
            if !is_source && !is_script {
                continue;
            }
            let lines = fs::read_to_string(root().join(&path)).expect("source is text").lines().count();
            if lines > MAX_LINES {
                violations.push(format!("{path}: {lines} lines, but the maximum is {MAX_LINES}"));
            }
            if dir == "src" {
                lengths.push(lines);
            }
        }
    }
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    if median >= MEDIAN_BELOW {
        violations.push(format!("src: the median is {median} lines, but must be below {MEDIAN_BELOW}"));
    }
    expect_none("lengths", &violations);
}

#[test]
fn the_architecture_document_names_only_existing_code() {
    expect_none("names", &documents::violations(root(), "docs/ARCHITECTURE.md"));
}

#[test]
fn links_between_documents_have_targets() {
    let mut documents = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned()];
    documents.retain(|path| root().join(path).exists());
    documents.extend(files_below(root(), "docs", ".md"));
    expect_none("links", &links::violations(root(), &documents));
}
