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

/// The names of all tests: functions with an attribute, and those in lists of `on_both_back_ends!`.
fn test_names() -> HashSet<String> {
    let mut names = HashSet::new();
    for file in files(&["src", "tests"]).iter().filter(|file| file.extension().is_some_and(|it| it == "rs")) {
        let text = fs::read_to_string(file).expect("source is text");
        for list in text.split("on_both_back_ends!(").skip(1) {
            let list = list.split(')').next().expect("a part");
            names.extend(list.split(',').map(|name| name.trim().to_owned()));
        }
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            if let Some((_, name)) = line.split_once("fn ").filter(|_| is_test) {
                names.insert(name.split(|c| !is_name(c)).next().expect("a part").to_owned());
                is_test = false;
            }
        }
    }
    names
}

/// The cells of the rows in the two tables of OWASP ASVS: of the requirements that are met, and of the others.
fn asvs_rows() -> [Vec<Vec<String>>; 2] {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let security = fs::read_to_string(root.join("docs/SECURITY.md")).expect("the document");
    let (_, section) = security.split_once("\n## OWASP ASVS\n").expect("the section");
    let (table, gaps) = section.split_once("\nNot met").expect("two tables");
    [table, gaps].map(|text| {
        let rows = text.lines().take_while(|line| !line.starts_with("## "));
        let rows = rows.filter(|line| line.starts_with("| ") && line.contains(char::is_numeric));
        rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect())
            .collect()
    })
}

#[test]
fn every_line_of_the_asvs_table_names_tests_that_exist() {
    let ([met, gaps], known) = (asvs_rows(), test_names());
    assert!(met.len() > 40 && gaps.len() > 10, "{} and {}", met.len(), gaps.len());
    for row in &met {
        let [_, _, tests] = &row[..] else { panic!("three cells: {row:?}") };
        let named: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{row:?}");
        let missing: Vec<_> = named.into_iter().filter(|name| !known.contains(*name)).collect();
        assert_eq!(missing, [""; 0], "{row:?}");
    }
    assert!(gaps.iter().all(|row| row.len() == 2), "{gaps:?}");
}

/// The sections of OWASP ASVS 4.0.3 that docs/SECURITY.md is about, with how many requirements of level 1 or 2 each
/// has. Those of level 3 come after them.
const ASVS_SECTIONS: [(&str, u32); 36] = [
    ("2.1", 12),
    ("2.2", 3),
    ("2.3", 3),
    ("2.4", 5),
    ("2.5", 7),
    ("2.6", 3),
    ("2.7", 6),
    ("2.8", 7),
    ("2.9", 3),
    ("2.10", 4),
    ("3.1", 1),
    ("3.2", 4),
    ("3.3", 4),
    ("3.4", 5),
    ("3.5", 3),
    ("3.7", 1),
    ("4.1", 5),
    ("4.2", 2),
    ("4.3", 3),
    ("6.1", 3),
    ("6.2", 6),
    ("6.3", 2),
    ("6.4", 2),
    ("7.1", 4),
    ("7.2", 2),
    ("7.3", 4),
    ("7.4", 3),
    ("8.1", 4),
    ("8.2", 3),
    ("8.3", 8),
    ("12.1", 3),
    ("12.2", 1),
    ("12.3", 6),
    ("12.4", 2),
    ("12.5", 2),
    ("12.6", 1),
];

/// Requirements that version 4.0.3 has deleted.
const ASVS_DELETED: [&str; 2] = ["4.1.4", "7.3.2"];

/// The requirements in the first cell of a row: "3.2.3, 3.4.1 to 3.4.5".
fn requirements(cell: &str) -> Vec<String> {
    let number = |text: &str| text.parse::<u32>().unwrap_or_else(|_| panic!("{cell}: {text} is no number"));
    let expand = |part: &str| -> Vec<String> {
        let (first, last) = part.split_once(" to ").unwrap_or((part, part));
        let parts = |text: &str| -> (String, u32) {
            let (section, last) = text.rsplit_once('.').unwrap_or_else(|| panic!("{cell}: {text}"));
            (section.to_owned(), number(last))
        };
        let ((section, first), (other, last)) = (parts(first), parts(last));
        assert!(section == other && first <= last, "{cell}: {part} is no range of one section");
        (first..=last).map(|number| format!("{section}.{number}")).collect()
    };
    cell.split(", ").flat_map(expand).collect()
}

#[test]
fn every_requirement_of_asvs_is_in_one_of_the_two_tables() {
    assert_eq!(requirements("3.3.4, 3.4.9 to 3.4.11"), ["3.3.4", "3.4.9", "3.4.10", "3.4.11"]);
    let mut found: Vec<_> = asvs_rows().iter().flatten().flat_map(|row| requirements(&row[0])).collect();
    let sections = ASVS_SECTIONS.iter();
    let all = sections.flat_map(|(section, last)| requirements(&format!("{section}.1 to {section}.{last}")));
    let mut all: Vec<_> = all.filter(|it| !ASVS_DELETED.contains(&it.as_str())).collect();
    let missing: Vec<_> = all.iter().filter(|it| !found.contains(it)).collect();
    assert_eq!(missing, [""; 0]);
    // None is in two rows, and nothing else is in the tables.
    found.sort();
    all.sort();
    assert_eq!(found, all);
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
