//! Finds the definitions of a source file.

use std::collections::HashSet;

use crate::tokens::{Token, tokens};

/// Keywords before the name of an item.
const KEYWORDS: &[&str] =
    &["fn", "struct", "enum", "union", "trait", "const", "static", "type", "mod", "macro_rules"];

#[derive(Default)]
pub struct Definitions {
    /// Items, fields and variants.
    pub names: HashSet<String>,
    /// Types that are defined here or have an `impl` here.
    pub types: HashSet<String>,
}

pub fn definitions(source: &str) -> Definitions {
    let tokens = tokens(source);
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let mut definitions = Definitions::default();
    for at in 0..tokens.len() {
        if KEYWORDS.contains(&text(at)) {
            let name = at + if text(at + 1) == "!" { 2 } else { 1 };
            definitions.names.insert(text(name).to_owned());
            if matches!(text(at), "struct" | "enum" | "union" | "trait" | "type") {
                definitions.types.insert(text(name).to_owned());
            }
        }
        match text(at) {
            "struct" | "union" => definitions.names.extend(members(&tokens[at..], false)),
            "enum" => definitions.names.extend(members(&tokens[at..], true)),
            "impl" => {
                let head =
                    tokens[at..].iter().take_while(|token| !matches!(token.text, "{" | ";" | ")" | ","));
                definitions.types.extend(head.map(|token| token.text.to_owned()));
            }
            _ => {}
        }
    }
    definitions
}

/// The fields of a type, and the variants of an enum.
fn members(item: &[Token], is_enum: bool) -> Vec<String> {
    let Some(open) = item.iter().position(|token| matches!(token.text, "{" | ";" | "(")) else {
        return Vec::new();
    };
    if item[open].text != "{" {
        return Vec::new();
    }
    let (mut depth, mut members) = (0_usize, Vec::new());
    for at in open..item.len() {
        let after = item.get(at + 1).map_or("", |token| token.text);
        match item[at].text {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ if !item[at].is_word() => {}
            name => {
                let is_field = after == ":";
                let is_variant = is_enum && depth == 1 && matches!(item[at - 1].text, "{" | "," | "]");
                if is_field || is_variant {
                    members.push(name.to_owned());
                }
            }
        }
        if depth == 0 {
            break;
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::definitions;

    #[test]
    fn items_fields_and_variants_are_definitions_and_uses_are_not() {
        let source = "
            use a::Used; mod module; const CONST: u8 = called(); macro_rules! mac { () => {} }
            pub struct Struct<T> { #[serde(skip)] pub field: Option<Other>, second: T }
            enum Enum { One, #[default] Two { inner: Other }, Three(Fourth), }
            impl<T> Display for Foreign<T> { async fn method(&self) { local() } }";
        let definitions = definitions(source);
        for name in
            ["module", "CONST", "mac", "Struct", "field", "second", "Enum", "One", "Two", "inner", "Three"]
        {
            assert!(definitions.names.contains(name), "{name}");
        }
        assert!(definitions.names.contains("method"));
        for name in ["Used", "called", "Other", "Fourth", "local", "Foreign"] {
            assert!(!definitions.names.contains(name), "{name}");
        }
        for name in ["Struct", "Enum", "Foreign"] {
            assert!(definitions.types.contains(name), "{name}");
        }
    }
}
