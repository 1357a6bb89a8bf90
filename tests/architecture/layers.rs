//! Finds references that the tables of layers and crates do not allow.

use crate::Crates;
use crate::tree::{File, Tree, is_within};

/// The tables of `main`.
pub struct Rules<'a> {
    pub layers: &'a [(&'a str, &'a [&'a str])],
    pub shared_modules: &'a [&'a str],
    pub crates: &'a [(&'a [&'a str], Crates<'a>)],
    pub crates_allowed_in_tests: &'a [&'a str],
}

/// The layer of a module: `store` for crate::store::gigs, `lib` and `main` for the crate roots.
fn layer_of(module: &str) -> &str {
    match module.split("::").nth(1) {
        Some(layer) => layer,
        None if module == "main" => "main",
        None => "lib",
    }
}

impl Rules<'_> {
    /// The violations, one per line.
    pub fn violations(&self, tree: &Tree) -> Vec<String> {
        let mut violations = Vec::new();
        for file in &tree.files {
            let layer = layer_of(&file.module);
            let Some((_, allowed)) = self.layers.iter().find(|(name, _)| *name == layer) else {
                violations.push(format!("{}: {layer} is not in the table of layers", file.path));
                continue;
            };
            for reference in &file.references {
                let breach = match tree.resolve(&reference.path) {
                    Some(target) => self.import_breach(layer, allowed, &tree.files[target], &reference.path),
                    None => self.crate_breach(layer, &reference.path, reference.in_tests),
                };
                if let Some(what) = breach {
                    violations.push(format!(
                        "{}:{}: {layer} may not {what} ({})",
                        file.path, reference.line, reference.path
                    ));
                }
            }
        }
        for (layer, _) in self.layers {
            if !tree.files.iter().any(|file| layer_of(&file.module) == *layer) {
                violations.push(format!("the table of layers has {layer}, but src/ does not"));
            }
        }
        violations.dedup();
        violations
    }

    fn import_breach(&self, layer: &str, allowed: &[&str], target: &File, path: &str) -> Option<String> {
        let imported = layer_of(&target.module);
        let is_shared = self.shared_modules.contains(&imported) && !self.shared_modules.contains(&layer);
        // `graphql::error` allows only the items of that module.
        let is_allowed = |entry: &&str| *entry == "*" || is_within(path, &format!("crate::{entry}"));
        if imported == layer || is_shared || allowed.iter().any(is_allowed) {
            return None;
        }
        let part = allowed.iter().find(|entry| is_within(entry, imported));
        let exception = part.map(|part| format!(" except {part}")).unwrap_or_default();
        Some(format!("import {imported}{exception}"))
    }

    fn crate_breach(&self, layer: &str, path: &str, in_tests: bool) -> Option<String> {
        let name = path.split("::").next()?;
        let (_, place) = self.crates.iter().find(|(names, _)| names.contains(&name))?;
        let is_allowed = match place {
            Crates::OnlyIn(layers) => layers.contains(&layer),
            Crates::NotIn(layers) => !layers.contains(&layer),
        };
        let is_allowed_in_tests = in_tests && self.crates_allowed_in_tests.contains(&name);
        (!is_allowed && !is_allowed_in_tests).then(|| format!("use the crate {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Rules;
    use crate::Crates;
    use crate::tree::Tree;

    const RULES: Rules<'static> = Rules {
        layers: &[
            ("lib", &[]),
            ("http", &["graphql::error", "store"]),
            ("graphql", &["store"]),
            ("store", &[]),
            ("clock", &[]),
        ],
        shared_modules: &["clock"],
        crates: &[(&["redis"], Crates::OnlyIn(&["store"])), (&["tokio"], Crates::NotIn(&["clock"]))],
        crates_allowed_in_tests: &["tokio"],
    };

    /// The violations of a file in a crate without other violations.
    fn violations(path: &str, text: &str) -> Vec<String> {
        let rest = [
            "src/lib.rs",
            "src/http/mod.rs",
            "src/graphql/mod.rs",
            "src/graphql/error.rs",
            "src/store/mod.rs",
            "src/clock.rs",
        ];
        let rest = rest.into_iter().filter(|other| *other != path).map(|path| (path, ""));
        RULES.violations(&Tree::of(rest.chain([(path, text)])))
    }

    #[test]
    fn imports_in_the_table_are_allowed() {
        let text = "use crate::store::A; use crate::clock::B; use super::C; use crate::graphql::error::D;";
        assert_eq!(violations("src/http/routes.rs", text), [""; 0]);
        assert_eq!(violations("src/store/mod.rs", "use redis::A; use crate::clock::B;"), [""; 0]);
        assert_eq!(
            violations("src/clock.rs", "#[cfg(test)] mod tests { #[tokio::test] fn a() {} }"),
            [""; 0]
        );
    }

    #[test]
    fn other_imports_are_reported_with_file_and_line() {
        let expected = ["src/store/gigs.rs:2: store may not import graphql (crate::graphql::A)"];
        assert_eq!(violations("src/store/gigs.rs", "\nuse super::super::graphql::A;"), expected);
        let text = "#[cfg(test)]\nmod tests { fn a() { crate::http::b() } }";
        let expected = ["src/graphql/mod.rs:2: graphql may not import http (crate::http::b)"];
        assert_eq!(violations("src/graphql/mod.rs", text), expected);
        let expected = ["src/clock.rs:1: clock may not import store (crate::store::A)"];
        assert_eq!(violations("src/clock.rs", "use crate::store::A;"), expected);
    }

    #[test]
    fn a_row_can_allow_a_single_module_of_a_layer() {
        let expected =
            ["src/http/mod.rs:1: http may not import graphql except graphql::error (crate::graphql::Gig)"];
        assert_eq!(violations("src/http/mod.rs", "use crate::graphql::Gig;"), expected);
    }

    #[test]
    fn a_crate_may_be_used_only_in_its_layers() {
        let expected = ["src/graphql/mod.rs:1: graphql may not use the crate redis (redis::cmd)"];
        assert_eq!(violations("src/graphql/mod.rs", "fn f() { redis::cmd() }"), expected);
        let expected = ["src/clock.rs:1: clock may not use the crate tokio (tokio::time)"];
        assert_eq!(violations("src/clock.rs", "use tokio::time;"), expected);
    }

    #[test]
    fn the_table_and_the_source_must_have_the_same_layers() {
        assert_eq!(violations("src/live.rs", ""), ["src/live.rs: live is not in the table of layers"]);
        let violations = RULES.violations(&Tree::of([("src/lib.rs", "")]));
        assert_eq!(violations.len(), 4, "{violations:?}");
    }
}
