//! Finds all paths that a source file refers to.

use std::collections::HashMap;

use crate::tokens::{Token, tokens};

/// Keywords that may precede a path that starts with `::`. They are not part of the path.
const KEYWORDS_BEFORE_PATHS: &[&str] = &[
    "as", "const", "dyn", "else", "for", "if", "impl", "in", "let", "match", "move", "mut", "return",
    "where", "while",
];

/// A reference to an item of this or another crate.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    pub line: usize,
    /// The absolute path: `crate::store::gigs::find`, or `axum::Router`.
    pub path: String,
    pub in_tests: bool,
}

/// The references and test modules of a file.
#[derive(Default)]
pub struct Imports {
    pub references: Vec<Reference>,
    /// Child modules that are declared as `#[cfg(test)] mod child;`.
    pub test_children: Vec<String>,
}

/// Reads the source of a module, such as `crate::store::gigs`.
pub fn imports(module: &str, source: &str) -> Imports {
    let mut reader = Reader { tokens: tokens(source), scope: segments(module), ..Reader::default() };
    reader.read();
    let references = reader.found.iter().filter_map(|found| {
        let path = reader.absolute(&found.scope, &found.path, 0, found.is_inline)?;
        Some(Reference { line: found.line, path: path.join("::"), in_tests: found.in_tests })
    });
    Imports { references: references.collect(), test_children: reader.test_children }
}

fn segments(path: &str) -> Vec<String> {
    path.split("::").map(str::to_owned).collect()
}

/// A path in the source.
struct SourcePath {
    line: usize,
    scope: Vec<String>,
    path: Vec<String>,
    is_inline: bool,
    in_tests: bool,
}

#[derive(Default)]
struct Reader<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    /// The current module: that of the file, or an inline module.
    scope: Vec<String>,
    /// The module or the import of each name in a scope.
    modules: HashMap<(Vec<String>, String), Vec<String>>,
    imported: HashMap<(Vec<String>, String), Vec<String>>,
    found: Vec<SourcePath>,
    test_children: Vec<String>,
}

impl<'a> Reader<'a> {
    fn text(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| token.text)
    }

    fn is_word(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_word())
    }

    fn read(&mut self) {
        let (mut depth, mut opened_at, mut tests_end) = (0_usize, Vec::new(), 0);
        while self.at < self.tokens.len() {
            if let Some(end) = self.tests_until() {
                tests_end = tests_end.max(end);
            }
            let in_tests = self.at < tests_end;
            match self.text(self.at) {
                "{" => depth += 1,
                "}" => {
                    depth = depth.saturating_sub(1);
                    if opened_at.last() == Some(&depth) {
                        opened_at.pop();
                        self.scope.pop();
                    }
                }
                "mod" if self.is_word(self.at + 1) => {
                    let name = self.text(self.at + 1).to_owned();
                    let child = [self.scope.as_slice(), std::slice::from_ref(&name)].concat();
                    self.modules.insert((self.scope.clone(), name.clone()), child.clone());
                    self.at += 2;
                    if self.text(self.at) == "{" {
                        opened_at.push(depth);
                        depth += 1;
                        self.scope = child;
                    } else if in_tests {
                        self.test_children.push(name);
                    }
                }
                // Not `impl Trait + use<'a>`.
                "use" if self.text(self.at + 1) != "<" => {
                    self.at += 1;
                    self.use_tree(&mut Vec::new(), in_tests);
                    continue;
                }
                // The path of a visibility is not an import.
                "pub" if self.text(self.at + 1) == "(" && self.text(self.at + 2) == "in" => {
                    while !matches!(self.text(self.at), ")" | "") {
                        self.at += 1;
                    }
                }
                _ if self.starts_a_path() => {
                    self.inline_path(in_tests);
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// The end of the item if it has the attribute `#[cfg(test)]` here.
    fn tests_until(&self) -> Option<usize> {
        let is_inner = self.text(self.at + 1) == "!";
        let mut at = self.at + usize::from(is_inner);
        if self.text(self.at) != "#" || self.text(at + 1) != "[" || self.text(at + 2) != "cfg" {
            return None;
        }
        let attribute = self.closing(at + 1);
        let words: Vec<&str> = self.tokens[at..attribute].iter().map(|token| token.text).collect();
        if !words.contains(&"test") || words.contains(&"not") {
            return None;
        }
        if is_inner {
            return Some(self.tokens.len());
        }
        at = attribute + 1;
        while !matches!(self.text(at), ";" | "}" | "") {
            if self.text(at) == "{" {
                return Some(self.closing(at));
            }
            at = if matches!(self.text(at), "(" | "[") { self.closing(at) } else { at } + 1;
        }
        Some(at)
    }

    /// The position of the matching closing bracket.
    fn closing(&self, from: usize) -> usize {
        let mut depth = 0;
        for at in from..self.tokens.len() {
            match self.text(at) {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return at;
            }
        }
        self.tokens.len()
    }

    /// Reads a branch of `use a::{b, c::{self, d as e}, f::*}`.
    fn use_tree(&mut self, path: &mut Vec<String>, in_tests: bool) {
        let mut line = 0;
        loop {
            match self.text(self.at) {
                "::" => {}
                "{" => {
                    self.at += 1;
                    while !matches!(self.text(self.at), "}" | "") {
                        self.use_tree(&mut path.clone(), in_tests);
                        self.at += usize::from(self.text(self.at) == ",");
                    }
                    self.at += 1;
                    return;
                }
                word if self.is_word(self.at) && word != "as" => {
                    line = self.tokens[self.at].line;
                    // `a::{self}` is `a`.
                    if word != "self" || path.is_empty() {
                        path.push(word.to_owned());
                    }
                }
                "*" => line = self.tokens[self.at].line,
                _ => break,
            }
            self.at += 1;
        }
        let mut name = path.last().cloned().unwrap_or_default();
        if self.text(self.at) == "as" {
            self.text(self.at + 1).clone_into(&mut name);
            self.at += 2;
        } else if !matches!(self.text(self.at), ";" | "," | "}") {
            // Unknown syntax: skip the token, so that the loop ends.
            self.at += 1;
        }
        if path.is_empty() {
            return;
        }
        if self.text(self.at.saturating_sub(1)) != "*" {
            self.imported.insert((self.scope.clone(), name), path.clone());
        }
        self.note(line, path.clone(), false, in_tests);
    }

    fn starts_a_path(&self) -> bool {
        let before = |n: usize| self.at.checked_sub(n).map_or("", |at| self.text(at));
        // After `::`, a path continues, unless it starts with `::` as in `::axum::Router`.
        let continues = before(1) == "::"
            && (before(2) == ">" || self.at.checked_sub(2).is_some_and(|at| self.is_name(at)));
        // After a dot, it is a field, unless the dot is part of a range.
        let is_field = before(1) == "." && before(2) != ".";
        self.is_name(self.at) && !continues && !is_field
    }

    fn is_name(&self, at: usize) -> bool {
        self.is_word(at) && !KEYWORDS_BEFORE_PATHS.contains(&self.text(at))
    }

    /// A path in an expression, a type or an attribute.
    fn inline_path(&mut self, in_tests: bool) {
        let line = self.tokens[self.at].line;
        let is_extern = self.text(self.at) == "crate" && self.at > 0 && self.text(self.at - 1) == "extern";
        self.at += usize::from(is_extern);
        let mut path = vec![self.text(self.at).to_owned()];
        self.at += 1;
        while self.text(self.at) == "::" && self.is_word(self.at + 1) {
            path.push(self.text(self.at + 1).to_owned());
            self.at += 2;
        }
        if path.len() > 1 || is_extern {
            self.note(line, path, !is_extern, in_tests);
        }
    }

    fn note(&mut self, line: usize, path: Vec<String>, is_inline: bool, in_tests: bool) {
        self.found.push(SourcePath { line, scope: self.scope.clone(), path, is_inline, in_tests });
    }

    /// The absolute path. `None` if it starts with an imported type or function, whose import is a reference
    /// already.
    fn absolute(
        &self,
        scope: &[String],
        path: &[String],
        hops: usize,
        is_inline: bool,
    ) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => return Some(path.to_vec()),
            "self" => return Some([scope, rest].concat()),
            "super" => {
                let mut above = scope.to_vec();
                above.pop();
                let more = rest.iter().take_while(|segment| *segment == "super").count();
                above.truncate(above.len().saturating_sub(more));
                return Some([above.as_slice(), &rest[more..]].concat());
            }
            _ => {}
        }
        // An inline module sees the names of the file only by `use super::*`, which test modules have.
        let above = (1..=scope.len()).rev().map(|length| &scope[..length]);
        for scope in above {
            let name = (scope.to_vec(), first.clone());
            if let Some(module) = self.modules.get(&name) {
                return Some([module.as_slice(), rest].concat());
            }
            // `use time::time` does not refer to itself.
            let Some(imported) = self.imported.get(&name).filter(|path| path[0] != *first) else { continue };
            if hops < 8 {
                if is_inline && !first.starts_with(|letter: char| letter.is_lowercase()) {
                    return None;
                }
                return self.absolute(scope, &[imported.as_slice(), rest].concat(), hops + 1, is_inline);
            }
        }
        Some(path.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::imports;

    /// The paths in the source of the module `crate::graphql::types::gig`, with their lines.
    fn paths(source: &str) -> Vec<(usize, String)> {
        let references = imports("crate::graphql::types::gig", source).references;
        references.into_iter().map(|reference| (reference.line, reference.path)).collect()
    }

    fn found(source: &str) -> Vec<String> {
        paths(source).into_iter().map(|(_, path)| path).collect()
    }

    #[test]
    fn each_leaf_of_a_use_tree_is_found_on_its_line() {
        let source =
            "use crate::{\n    a::b,\n    c::{self, d as other,\n        e::*},\n};\npub use crate::f::G;";
        let expected =
            [(2, "crate::a::b"), (3, "crate::c"), (3, "crate::c::d"), (4, "crate::c::e"), (6, "crate::f::G")];
        assert_eq!(paths(source), expected.map(|(line, path)| (line, path.to_owned())));
    }

    #[test]
    fn self_and_super_are_relative_to_the_module() {
        assert_eq!(found("use self::a::B;"), ["crate::graphql::types::gig::a::B"]);
        assert_eq!(found("use super::user::{User, super_user};").len(), 2);
        assert_eq!(
            found("use super::super::{inputs, error::E};"),
            ["crate::graphql::inputs", "crate::graphql::error::E"]
        );
        assert_eq!(found("fn f() -> super::super::super::store::Row {}"), ["crate::store::Row"]);
    }

    #[test]
    fn paths_in_expressions_types_and_attributes_are_found() {
        let source = "
            #[derive(async_graphql::SimpleObject)]
            struct A<'a>(&'a crate::store::Row, pub(crate) Vec<crate::media::Blob>);
            fn f() { let x = crate::store::gigs::find::<crate::domain::Id>(1..crate::clock::NOW).a; }
            macro_rules! m { () => { $crate::events::publish!() } }
            type T = <crate::app::A as ::axum::handler::Handler>::Future;";
        let expected = [
            "async_graphql::SimpleObject",
            "crate::store::Row",
            "crate::media::Blob",
            "crate::store::gigs::find",
            "crate::domain::Id",
            "crate::clock::NOW",
            "crate::events::publish",
            "crate::app::A",
            "axum::handler::Handler",
        ];
        assert_eq!(found(source), expected);
    }

    #[test]
    fn a_path_that_starts_with_an_imported_module_is_completed() {
        let source =
            "use crate::{graphql, store as stored}; fn f() { graphql::error::code(stored::gigs::find()) }";
        assert_eq!(found(source)[2..], ["crate::graphql::error::code", "crate::store::gigs::find"]);
        assert_eq!(found("use axum::http; use http::Uri;"), ["axum::http", "axum::http::Uri"]);
        assert_eq!(found("mod a; use a::B;"), ["crate::graphql::types::gig::a::B"]);
        // A path that starts with an imported type is not repeated. `redis` is a crate although it is
        // imported.
        assert_eq!(found("use crate::a::Gig; fn f() { Gig::new() }"), ["crate::a::Gig"]);
        assert_eq!(found("use redis; fn f() { redis::cmd() }"), ["redis", "redis::cmd"]);
        assert_eq!(found("extern crate axum as web;"), ["axum"]);
    }

    #[test]
    fn super_in_an_inline_module_is_the_module_of_the_file() {
        let source = "mod inner { use super::super::a; fn f() {} } use super::b;";
        assert_eq!(found(source), ["crate::graphql::types::a", "crate::graphql::types::b"]);
    }

    #[test]
    fn comments_strings_and_visibilities_are_not_references() {
        let source = "
            //! crate::a::b
            /// [crate::a]: `use crate::a::b;`
            /* use crate::a::b; /* crate::c::d */ crate::e::f */
            pub(in crate::graphql) const A: &str = \"crate::a::b \\\" crate::c::d\";
            const B: &str = r#\"use crate::a::b; \" crate::c::d\"#; // crate::e::f
            fn f() -> impl Sized + use<> {}";
        assert_eq!(found(source), [""; 0]);
    }

    #[test]
    fn references_in_tests_are_marked() {
        let source = "use a::b; #[cfg(test)] use c::{d}; fn f() { e::f() }
            #[cfg(test)] #[path = \"x\"] mod samples;
            #[cfg(test)] mod tests { use super::*; fn g(x: [u8; 2]) { i::j() } }
            #[cfg(not(test))] fn k() { l::m() }";
        let imports = imports("crate::gig", source);
        let in_tests = imports.references.iter().filter(|reference| reference.in_tests);
        assert_eq!(
            in_tests.map(|reference| &reference.path).collect::<Vec<_>>(),
            ["c::d", "crate::gig", "i::j"]
        );
        assert_eq!(imports.references.len(), 6);
        assert_eq!(imports.test_children, ["samples"]);
    }
}
