//! The documentation only names what exists, and its code blocks are cut from files that tests run.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::npm;

/// Every file in these directories and their subdirectories, without those of dependencies.
fn files(dirs: &[&str]) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut dirs: Vec<PathBuf> = dirs.iter().map(|dir| root.join(dir)).collect();
    let mut files = Vec::new();
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if !path.is_dir() {
                files.push(path);
            } else if !path.ends_with("node_modules") {
                dirs.push(path);
            }
        }
    }
    files
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Each name in backticks in docs/ARCHITECTURE.md is a file, a directory, or an identifier in the code.
#[test]
fn every_name_in_the_architecture_document_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut words = HashSet::new();
    for file in files(&["src", "entity/src", "migration/src", "tests/api"]) {
        let text = String::from_utf8_lossy(&fs::read(file).expect("a file")).into_owned();
        words.extend(text.split(|character| !is_name(character)).map(str::to_owned));
    }
    words.extend(["Makefile", "make", "test", "pg_advisory_xact_lock"].map(str::to_owned));
    let document = fs::read_to_string(root.join("docs/ARCHITECTURE.md")).expect("the document");
    let (mut checked, mut missing) = (0, Vec::new());
    for name in document.split('`').skip(1).step_by(2).filter(|name| !name.contains(['\n', '{', '='])) {
        checked += 1;
        let is_path = name.contains('/') && root.join(name.trim_end_matches('/')).exists();
        let mut parts = name.split(|character| !is_name(character)).filter(|part| !part.is_empty());
        if !is_path && !parts.all(|part| words.contains(part)) {
            missing.push(name);
        }
    }
    assert!(checked > 60, "{checked}");
    assert_eq!(missing, [""; 0]);
}

/// The README lists each environment variable of the program, and no other.
#[test]
fn the_readme_lists_every_environment_variable() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let variables = |text: &str, before: &str| -> HashSet<String> {
        let names =
            text.split(before).skip(1).map(|rest| rest.split(|c| !is_name(c)).next().expect("a part"));
        names
            .filter(|name| name.starts_with("GIGWAY_") || name.ends_with("_URL"))
            .map(str::to_owned)
            .collect()
    };
    let config = fs::read_to_string(root.join("src/config/settings.rs")).expect("the code");
    let readme = fs::read_to_string(root.join("README.md")).expect("the document");
    let known = variables(&config, "env = \"");
    assert!(known.len() > 10, "{known:?}");
    assert_eq!(variables(&readme, "\n| `"), known);
}

/// The JSON that the documents tell a reader to send can be parsed.
#[test]
fn request_bodies_in_the_documentation_are_json() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents = files(&["docs", "examples"]);
    documents.push(root.join("README.md"));
    let mut checked = 0;
    for document in documents.iter().filter(|path| path.extension().is_some_and(|it| it == "md")) {
        let text = fs::read_to_string(document).expect("a document is text");
        for marker in ["-d '", "-F 'operations="] {
            for rest in text.split(marker).skip(1) {
                let body = rest.split('\'').next().expect("a part");
                let parsed = serde_json::from_str::<serde_json::Value>(body);
                assert!(parsed.is_ok(), "{}: {body}: {parsed:?}", document.display());
                checked += 1;
            }
        }
    }
    assert!(checked >= 4, "{checked}");
}

/// Files that the other tests compile and run: `examples/`. `make snippets` rewrites the blocks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_blocks_are_cut_from_files() {
    let script = "cut-snippets.mjs";
    npm::expect_success(script, &npm::run(npm::script(script, &[])).await);
}
