//! Paths and names of the code that a document has in backticks.

use std::fs;
use std::path::Path;

use crate::definitions::{Definitions, definitions};
use crate::links::prose;
use crate::tokens::is_word_character;
use crate::tree::{files_below, is_within};

/// What is ours besides src/: a crate, and where its source is.
const CRATES: &[(&str, &str)] = &[("", "src"), ("entity", "entity/src"), ("migration", "migration/src")];

/// What the document names and the repository has not.
pub fn violations(root: &Path, document: &str) -> Vec<String> {
    let text = fs::read_to_string(root.join(document)).expect("a document is text");
    let code = Code::read(root);
    let mut violations = Vec::new();
    for (line, name) in names(&text) {
        let missing =
            if is_path(&name) { !exists(root, &name) } else { name.contains("::") && !code.has(&name) };
        if missing {
            violations.push(format!("{document}:{line}: there is no `{name}`"));
        }
    }
    violations
}

/// What is in backticks, and what looks like one of our paths in an example, with the line.
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

/// Whether this names a file or a folder, and not an address, a pattern or a piece of GraphQL.
fn is_path(name: &str) -> bool {
    let is_file = [".rs", ".md", ".sql"].iter().any(|ending| name.ends_with(ending));
    let is_plain = name.chars().all(|letter| letter.is_alphanumeric() || "/._-*".contains(letter));
    is_plain && !name.starts_with('/') && (name.contains('/') || is_file)
}

fn exists(root: &Path, name: &str) -> bool {
    // Of `src/graphql/types/*.rs` the folder is there.
    let name = name.split_once('*').map_or(name, |(folder, _)| folder);
    root.join(name).exists()
}

/// The modules of the repository: the path, `store::gigs`, and what is defined there.
struct Code {
    modules: Vec<(String, Definitions)>,
    dependencies: Vec<String>,
}

impl Code {
    fn read(root: &Path) -> Self {
        let mut modules = Vec::new();
        for (name, folder) in CRATES {
            for path in &files_below(root, folder, ".rs") {
                let inner = path.trim_start_matches(folder).trim_end_matches(".rs").trim_start_matches('/');
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

    /// Whether `store::gigs::find`, `gigs::find` or `Gig::apply` is there.
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
        let (whole, below) = (format!("::{first}"), format!("{first}::"));
        let is_top = self.modules.iter().any(|(module, _)| *module == first || module.starts_with(&below));
        if !is_top && self.dependencies.contains(&first) {
            return true;
        }
        if is_top {
            return self.has_below(&first, &segments[1..]);
        }
        // `gigs::find` may be said where it is clear whose gigs.
        let mut starts =
            self.modules.iter().map(|(module, _)| module).filter(|module| module.ends_with(&whole));
        starts.any(|start| self.has_below(start, &segments[1..]))
    }

    /// Whether the segments go on from this module to one below it, and to what that defines.
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
                // What a type has is beside it, or beside an `impl` of it.
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
    fn names_are_in_backticks_or_begin_with_src() {
        let text = "a `b::c` d\n```\nsrc/x/   what `y` is\n```\n`e`";
        let expected = [(1, "b::c"), (5, "e"), (3, "src/x/")];
        assert_eq!(names(text), expected.map(|(line, name)| (line, name.to_owned())));
    }

    #[test]
    fn paths_are_told_from_addresses_and_graphql() {
        for path in ["src/app.rs", "bench/", "lib.rs", "src/graphql/types/*.rs", "docs/adr"] {
            assert!(is_path(path), "{path}");
        }
        for other in ["/graphql", "Gig::apply", "a / b", "application/json; charset", "store", "{ a/b }"] {
            assert!(!is_path(other), "{other}");
        }
    }

    #[test]
    fn a_name_leads_to_its_module_and_what_that_defines() {
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
