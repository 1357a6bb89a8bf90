//! JSON that is no request, or a strange one.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::dice::Dice;
use super::documents::Document;
use super::oddities;

/// The request as clients write it.
pub fn envelope(document: &Document, dice: &mut Dice) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("query".to_owned(), json!(document.text));
    if !document.variables.is_empty() || dice.percent(30) {
        fields.insert("variables".to_owned(), Value::Object(document.variables.clone()));
    }
    if let Some(name) = &document.name {
        fields.insert("operationName".to_owned(), json!(name));
    } else if dice.percent(10) {
        fields.insert("operationName".to_owned(), Value::Null);
    }
    if dice.percent(5) {
        fields.insert("extensions".to_owned(), json!({ "cost": true }));
    }
    if dice.percent(5) {
        let extensions = fields.entry("extensions").or_insert_with(|| json!({}));
        extensions["persistedQuery"] = json!({ "version": 1, "sha256Hash": hash(&document.text) });
    }
    fields
}

/// A document's name among those that are kept.
fn hash(text: &str) -> String {
    format!("{:x}", Sha256::digest(text))
}

/// The request with variables, extensions or a name that are not good.
pub fn with_odd_fields(document: &Document, dice: &mut Dice) -> Map<String, Value> {
    let mut fields = envelope(document, dice);
    match dice.below(6) {
        0 => {
            let names: Vec<String> = document.variables.keys().cloned().collect();
            let variables = fields.entry("variables").or_insert_with(|| json!({}));
            for name in names {
                if dice.percent(50) {
                    variables[&name] = odd_value(dice, 3);
                } else if dice.percent(30) {
                    variables.as_object_mut().expect("it is an object").remove(&name);
                }
            }
        }
        1 => drop(fields.insert("variables".to_owned(), odd_value(dice, 4))),
        2 => drop(fields.insert("operationName".to_owned(), odd_value(dice, 1))),
        3 => drop(fields.insert("extensions".to_owned(), odd_extensions(document, dice))),
        4 => {
            // A document that is only named: it may be there or not.
            fields.remove("query");
            fields.insert("extensions".to_owned(), odd_extensions(document, dice));
        }
        _ => drop(
            fields
                .insert((*dice.pick(&["query", "documentId", "id", "Query"])).to_owned(), odd_value(dice, 1)),
        ),
    }
    fields
}

fn odd_extensions(document: &Document, dice: &mut Dice) -> Value {
    let known = hash(&document.text);
    match dice.below(9) {
        0 => odd_value(dice, 3),
        1 => json!({ "persistedQuery": odd_value(dice, 2) }),
        2 => json!({ "persistedQuery": { "version": odd_value(dice, 1), "sha256Hash": known } }),
        3 => json!({ "persistedQuery": { "version": 1, "sha256Hash": odd_value(dice, 1) } }),
        4 => json!({ "persistedQuery": { "version": 1, "sha256Hash": known.to_uppercase() } }),
        5 => json!({ "documentId": odd_value(dice, 1) }),
        6 => json!({ "idempotencyKey": odd_value(dice, 1) }),
        7 => json!({ "cost": odd_value(dice, 1) }),
        _ => json!({ "persistedQuery": { "version": 1, "sha256Hash": known } }),
    }
}

/// Any JSON, so many levels deep at most.
pub fn odd_value(dice: &mut Dice, depth: usize) -> Value {
    match dice.below(if depth == 0 { 5 } else { 8 }) {
        0 => Value::Null,
        1 => Value::Bool(dice.percent(50)),
        2 => serde_json::from_str(&oddities::number(dice)).unwrap_or(json!(7)),
        3 | 4 => Value::String(oddities::text(dice)),
        5 => (0..dice.below(4)).map(|_| odd_value(dice, depth - 1)).collect(),
        6 => Value::Array(vec![json!(1); dice.below(1_200)]),
        _ => {
            let fields = (0..dice.below(4)).map(|_| {
                let name = if dice.percent(50) { "a".to_owned() } else { oddities::text(dice) };
                (name, odd_value(dice, depth - 1))
            });
            Value::Object(fields.collect())
        }
    }
}

/// A body that only looks like a request, or not even that.
pub fn odd_body(document: &Document, dice: &mut Dice) -> Vec<u8> {
    let good = Value::Object(envelope(document, dice)).to_string();
    let query = json!(document.text);
    let text = match dice.below(24) {
        0 => String::new(),
        1 => (*dice.pick(&["null", "true", "7", "\"{ __typename }\"", "[]", "{}", "[[]]", "[null]"]))
            .to_owned(),
        2 => format!("[{good}]"),
        3 => format!("[{}]", vec![good; 1 + dice.below(30)].join(",")),
        4 => format!("{good}{good}"),
        5 => format!("{good} garbage"),
        6 => format!("\u{feff}{good}"),
        7 => format!("{{\"query\":{query},\"query\":{query}}}"),
        8 => format!("{{\"query\":{query},\"variables\":{{\"a\":1,\"a\":2}}}}"),
        9 => format!("{{\"query\":{query},\"variables\":{}}}", oddities::number(dice)),
        10 => format!("{{\"query\":{query},\"variables\":{{\"v1\":{}}}}}", oddities::number(dice)),
        11 => format!("{{\"query\":{query},\"variables\":{{\"v1\":\"\\ud800\"}}}}"),
        12 => format!(
            "{{\"query\":\"{{ gig(id: \\\"\\udfff\\\") {{ id }} }}\",\"a\":{}}}",
            oddities::number(dice)
        ),
        13 => {
            let depth = dice.below(3_000);
            format!(
                "{{\"query\":{query},\"variables\":{{\"v1\":{}{}}}}}",
                "[".repeat(depth),
                "]".repeat(depth)
            )
        }
        14 => "[".repeat(dice.below(50_000)),
        15 => "{\"query\":".repeat(dice.below(5_000)),
        16 => format!("{{\"query\":{query},\"extensions\":{}0{}}}", "{\"a\":".repeat(150), "}".repeat(150)),
        17 => good.replace('"', "'"),
        18 => format!("{{query:{query}}}"),
        19 => format!("{{\"query\":{query},}}"),
        20 => format!("{{\"query\":{query},\"variables\":NaN}}"),
        21 => format!("{}{good}", " \n\t".repeat(dice.below(2_000))),
        22 => format!("[{query},null,{},{{}}]", json!(document.variables)),
        _ => good,
    };
    spoiled(text.into_bytes(), dice)
}

/// The bytes, some of them changed now and then: then they may be no text any more.
pub fn spoiled(mut bytes: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    if !dice.percent(25) {
        return bytes;
    }
    for _ in 0..=dice.below(3) {
        let at = dice.below(bytes.len() + 1);
        match dice.below(4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, *dice.pick(&[0, 0x80, 0xff, 0xc0, b'"', b'\\', b'{', b'\n'])),
            2 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            _ if at < bytes.len() => drop(bytes.remove(at)),
            _ => {}
        }
    }
    bytes
}
