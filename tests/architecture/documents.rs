//! Checks paths and names of code in documents.

use std::fs;
use std::path::Path;

use crate::definitions::{Definitions, definitions};
use crate::links::prose;
use crate::tokens::is_word_character;
use crate::tree::{files_below, is_within};

/// The crates of the workspace and the directories of their source. The name is empty for the main crate.
const CRATES: &[(&str, &str)] = &[("", "src"), ("entity", "entity/src"), ("migration", "migration/src")];

/// The paths and names in the document that do not exist.
pub fn violations(root: &Path, document: &str) -> Vec<String> {
    let text = fs::read_to_string(root.join(document)).expect("a document is text");
    let code = Code::read(root);
    let mut violations = Vec::new();
    for (line, name) in names(&text) {
        let missing =
            if is_path(&name) { !exists(root, &name) } else { name.contains("::") && !code.has(&name) };
        if missing {
            violations.push(format!("{document}:{line}: not found: `{name}`"));
        }
    }
    violations
}

/// The code spans, and words in code blocks that start with `src/`, with their lines.
fn names(text: &str) -> Vec<(usize, String)> {
    let in_line = |(number, line): (usize, &str)| {
        let names = line.split('`').skip(1).step_by(2).map(|name| (number, name.to_owned()));
        names.collect::<Vec<_>>()
    };
    let mut names: Vec<(usize, String)> = prose(text).flat_map(in_line).collect();
    let words = (1..).zip(text.lines()).flat_map(|(number, line)| {
        line.split_whitespace()
            .filter(|word| word.starts_with("src/"))
            .map(move |word| (number, word.to_owned()))
    });
    names.extend(words);
    names
}

/// Whether this is the name of a file or directory, and not a URL, a media type or GraphQL.
fn is_path(name: &str) -> bool {
    let is_file = [".rs", ".md", ".sql"].iter().any(|ending| name.ends_with(ending));
    let is_plain = name.chars().all(|letter| letter.is_alphanumeric() || "/._-*".contains(letter));
    is_plain && !name.starts_with('/') && (name.contains('/') || is_file)
}

fn exists(root: &Path, name: &str) -> bool {
    // For `src/graphql/types/*.rs`, only the directory must exist.
    let name = name.split_once('*').map_or(name, |(dir, _)| dir);
    root.join(name).exists()
}

/// The modules of the repository with their paths, such as `store::gigs`, and definitions.
struct Code {
    modules: Vec<(String, Definitions)>,
    dependencies: Vec<String>,
}

impl Code {
    fn read(root: &Path) -> Self {
        let mut modules = Vec::new();
        for (name, dir) in CRATES {
            for path in &files_below(root, dir, ".rs") {
                let inner = path.trim_start_matches(dir).trim_end_matches(".rs").trim_start_matches('/');
                let inner = inner.strip_suffix("/mod").unwrap_or(inner).replace('/', "::");
                let module = match (*name, inner.as_str()) {
                    (name, "lib") => name.to_owned(),
                    ("", inner) => inner.to_owned(),
                    (name, inner) => format!("{name}::{inner}"),
                };
                let text = fs::read_to_string(root.join(path)).expect("source is text");
                modules.push((module, definitions(&text)));
            }
        }
        let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("a manifest is text");
        let keys = manifest.lines().filter_map(|line| line.split(['=', '.', ' ']).next());
        let dependencies = keys.filter(|key| !key.is_empty()).map(|key| key.replace('-', "_"));
        Self { modules, dependencies: dependencies.chain(["std".to_owned()]).collect() }
    }

    /// Whether a name such as `store::gigs::find`, `gigs::find` or `Gig::apply` exists.
    fn has(&self, name: &str) -> bool {
        let name = name.split(['(', '<', '!', ' ']).next().unwrap_or_default();
        let segments: Vec<&str> = name.split("::").collect();
        if !segments.iter().all(|segment| !segment.is_empty() && segment.chars().all(is_word_character)) {
            return false;
        }
        if segments[0].starts_with(char::is_uppercase) {
            return self.modules.iter().any(|(_, file)| {
                file.types.contains(segments[0])
                    && segments[1..].iter().all(|name| file.names.contains(*name))
            });
        }
        let first = segments[0].to_owned();
        let (suffix, below) = (format!("::{first}"), format!("{first}::"));
        let is_top = self.modules.iter().any(|(module, _)| *module == first || module.starts_with(&below));
        if !is_top && self.dependencies.contains(&first) {
            return true;
        }
        if is_top {
            return self.has_below(&first, &segments[1..]);
        }
        // `gigs::find` may be any module that ends with `gigs`.
        let mut starts =
            self.modules.iter().map(|(module, _)| module).filter(|module| module.ends_with(&suffix));
        starts.any(|start| self.has_below(start, &segments[1..]))
    }

    /// Whether the segments lead from this module to a module below it or to an item there.
    fn has_below(&self, module: &str, segments: &[&str]) -> bool {
        let Some((first, rest)) = segments.split_first() else { return true };
        let child = format!("{module}::{first}");
        if self.modules.iter().any(|(known, _)| *known == child) && self.has_below(&child, rest) {
            return true;
        }
        let mut files = self.modules.iter().filter(|(known, _)| is_within(known, module));
        let is_last_defined = |file: &Definitions, last: &str| file.names.contains(last);
        match rest.split_last() {
            None => files.any(|(_, file)| is_last_defined(file, first)),
            Some((last, _)) => {
                // Members of a type are in the file of its definition or of one of its `impl` blocks.
                files.any(|(_, file)| file.types.contains(*first) && is_last_defined(file, last))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, is_path, names};
    use crate::definitions::definitions;

    #[test]
    fn names_are_code_spans_or_start_with_src() {
        let text = "a `b::c` d\n```\nsrc/x/   what `y` is\n```\n`e`";
        let expected = [(1, "b::c"), (5, "e"), (3, "src/x/")];
        assert_eq!(names(text), expected.map(|(line, name)| (line, name.to_owned())));
    }

    #[test]
    fn paths_are_distinguished_from_urls_and_graphql() {
        for path in ["src/app.rs", "bench/", "lib.rs", "src/graphql/types/*.rs", "docs/adr"] {
            assert!(is_path(path), "{path}");
        }
        for other in ["/graphql", "Gig::apply", "a / b", "application/json; charset", "store", "{ a/b }"] {
            assert!(!is_path(other), "{other}");
        }
    }

    #[test]
    fn a_name_is_resolved_by_modules_and_their_definitions() {
        let modules = [
            ("store", "pub mod gigs;"),
            ("store::gigs", "pub fn find() {}"),
            ("domain::gig", "pub struct Gig { id: Id } enum GigStatus { Active }"),
            ("domain::gig::acts", "impl Gig { fn apply() {} } fn helper() {}"),
        ];
        let modules = modules.map(|(module, text)| (module.to_owned(), definitions(text)));
        let code = Code { modules: modules.into(), dependencies: vec!["tokio".into()] };
        for name in [
            "store::gigs",
            "store::gigs::find",
            "store::gigs::find(..)",
            "gigs::find",
            "Gig::apply",
            "Gig::id",
            "domain::gig::Gig::apply",
            "domain::gig::GigStatus::Active",
            "tokio::select!",
        ] {
            assert!(code.has(name), "{name}");
        }
        for name in [
            "store::users",
            "store::gigs::lose",
            "gigs::apply",
            "Gig::find",
            "live::hub",
            "domain::gig::Gig::lose",
        ] {
            assert!(!code.has(name), "{name}");
        }
    }
}
