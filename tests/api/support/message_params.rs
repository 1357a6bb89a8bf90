//! Checks the messages of user errors: each number and name is a parameter, as documented.

use serde_json::Value;

use super::client::text;

/// The names of the parameters that docs/API-DESIGN.md lists for a code.
fn documented(code: &str) -> Vec<&'static str> {
    let document = include_str!("../../../docs/API-DESIGN.md");
    let row = document.lines().find_map(|line| line.strip_prefix(&format!("| {code} | ")));
    let row = row.unwrap_or_else(|| panic!("docs/API-DESIGN.md has no row for {code}"));
    row.split('`').skip(1).step_by(2).collect()
}

/// Checks a user error, if its parameters were selected.
pub fn check_message(error: &Value) {
    let Some(params) = error["params"].as_array() else { return };
    let allowed = documented(&text(&error["code"]));
    let mut rest = text(&error["message"]);
    let mut values = Vec::new();
    for param in params {
        let (name, value) = (text(&param["name"]), text(&param["value"]));
        assert!(allowed.contains(&name.as_str()), "`{name}` is not documented: {error}");
        assert!(rest.contains(&value), "`{name}` is not in the message: {error}");
        values.push(value);
    }
    // The longest first: a short value may be a part of a longer one.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    for value in values.iter().filter(|value| !value.is_empty()) {
        rest = rest.replace(value, "");
    }
    let is_name = |word: &str| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let mut words = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let unnamed = words.find(|word| word.contains(|c: char| c.is_ascii_digit()) || is_name(word));
    assert_eq!(unnamed, None, "a number or a name in the message is not a parameter: {error}");
}
