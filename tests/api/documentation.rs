//! That the documents do not speak of what is not there.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every file of these folders.
fn files(folders: &[&str]) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Each name in backticks in docs/ARCHITECTURE.md is a file or folder, or a word of the code.
#[test]
fn every_name_in_the_architecture_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut words = HashSet::new();
    for file in files(&["src", "entity/src", "migration/src", "tests/api"]) {
        let text = String::from_utf8_lossy(&fs::read(file).expect("a file")).into_owned();
        words.extend(text.split(|character| !is_name(character)).map(str::to_owned));
    }
    words.extend(["Makefile", "make", "test", "pg_advisory_xact_lock"].map(str::to_owned));
    let document = fs::read_to_string(root.join("docs/ARCHITECTURE.md")).expect("the document");
    let (mut looked_at, mut missing) = (0, Vec::new());
    for name in document.split('`').skip(1).step_by(2).filter(|name| !name.contains(['\n', '{', '='])) {
        looked_at += 1;
        let is_path = name.contains('/') && root.join(name.trim_end_matches('/')).exists();
        let mut parts = name.split(|character| !is_name(character)).filter(|part| !part.is_empty());
        if !is_path && !parts.all(|part| words.contains(part)) {
            missing.push(name);
        }
    }
    assert!(looked_at > 60, "{looked_at}");
    assert_eq!(missing, [""; 0]);
}

/// Each environment variable of the program is in the README, and no other is.
#[test]
fn the_readme_lists_every_variable() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let variables = |text: &str, before: &str| -> HashSet<String> {
        let named =
            text.split(before).skip(1).map(|rest| rest.split(|c| !is_name(c)).next().expect("a part"));
        named
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
