//! JSON bodies of requests, valid and malformed.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::documents::Document;
use super::edge_cases;
use super::random::RandomSource;

/// The fields of a valid request.
pub fn request_fields(document: &Document, random: &mut RandomSource) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("query".to_owned(), json!(document.text));
    if !document.variables.is_empty() || random.chance(30) {
        fields.insert("variables".to_owned(), Value::Object(document.variables.clone()));
    }
    if let Some(name) = &document.name {
        fields.insert("operationName".to_owned(), json!(name));
    } else if random.chance(10) {
        // Both mean that none is given.
        let none = if random.chance(50) { Value::Null } else { json!("") };
        fields.insert("operationName".to_owned(), none);
    }
    if random.chance(5) {
        fields.insert("extensions".to_owned(), json!({ "cost": true }));
    }
    if random.chance(5) {
        let extensions = fields.entry("extensions").or_insert_with(|| json!({}));
        extensions["persistedQuery"] = json!({ "version": 1, "sha256Hash": document_hash(&document.text) });
    }
    fields
}

/// The hash that identifies a persisted document.
fn document_hash(text: &str) -> String {
    format!("{:x}", Sha256::digest(text))
}

/// A request with invalid variables, extensions or an invalid operation name.
pub fn with_invalid_fields(document: &Document, random: &mut RandomSource) -> Map<String, Value> {
    let mut fields = request_fields(document, random);
    match random.below(6) {
        0 => {
            let names: Vec<String> = document.variables.keys().cloned().collect();
            let variables = fields.entry("variables").or_insert_with(|| json!({}));
            for name in names {
                if random.chance(50) {
                    variables[&name] = arbitrary_json(random, 3);
                } else if random.chance(30) {
                    variables.as_object_mut().expect("an object").remove(&name);
                }
            }
        }
        1 => drop(fields.insert("variables".to_owned(), arbitrary_json(random, 4))),
        2 => drop(fields.insert("operationName".to_owned(), arbitrary_json(random, 1))),
        3 => drop(fields.insert("extensions".to_owned(), arbitrary_extensions(document, random))),
        4 => {
            // Only the hash of a document, which may or may not be stored.
            fields.remove("query");
            fields.insert("extensions".to_owned(), arbitrary_extensions(document, random));
        }
        _ => drop(fields.insert(
            (*random.pick(&["query", "documentId", "id", "Query"])).to_owned(),
            arbitrary_json(random, 1),
        )),
    }
    fields
}

fn arbitrary_extensions(document: &Document, random: &mut RandomSource) -> Value {
    let hash = document_hash(&document.text);
    match random.below(9) {
        0 => arbitrary_json(random, 3),
        1 => json!({ "persistedQuery": arbitrary_json(random, 2) }),
        2 => json!({ "persistedQuery": { "version": arbitrary_json(random, 1), "sha256Hash": hash } }),
        3 => json!({ "persistedQuery": { "version": 1, "sha256Hash": arbitrary_json(random, 1) } }),
        4 => json!({ "persistedQuery": { "version": 1, "sha256Hash": hash.to_uppercase() } }),
        5 => json!({ "documentId": arbitrary_json(random, 1) }),
        6 => json!({ "idempotencyKey": arbitrary_json(random, 1) }),
        7 => json!({ "cost": arbitrary_json(random, 1) }),
        _ => json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } }),
    }
}

/// Any JSON value with at most `max_depth` levels.
pub fn arbitrary_json(random: &mut RandomSource, max_depth: usize) -> Value {
    match random.below(if max_depth == 0 { 5 } else { 8 }) {
        0 => Value::Null,
        1 => Value::Bool(random.chance(50)),
        2 => serde_json::from_str(&edge_cases::number(random)).unwrap_or(json!(7)),
        3 | 4 => Value::String(edge_cases::text(random)),
        5 => (0..random.below(4)).map(|_| arbitrary_json(random, max_depth - 1)).collect(),
        6 => Value::Array(vec![json!(1); random.below(1_200)]),
        _ => {
            let fields = (0..random.below(4)).map(|_| {
                let name = if random.chance(50) { "a".to_owned() } else { edge_cases::text(random) };
                (name, arbitrary_json(random, max_depth - 1))
            });
            Value::Object(fields.collect())
        }
    }
}

/// A body that resembles a request.
pub fn malformed_body(document: &Document, random: &mut RandomSource) -> Vec<u8> {
    let valid = Value::Object(request_fields(document, random)).to_string();
    let query = json!(document.text);
    let text = match random.below(24) {
        0 => String::new(),
        1 => (*random.pick(&["null", "true", "7", "\"{ __typename }\"", "[]", "{}", "[[]]", "[null]"]))
            .to_owned(),
        2 => format!("[{valid}]"),
        3 => format!("[{}]", vec![valid; 1 + random.below(30)].join(",")),
        4 => format!("{valid}{valid}"),
        5 => format!("{valid} garbage"),
        6 => format!("\u{feff}{valid}"),
        7 => format!("{{\"query\":{query},\"query\":{query}}}"),
        8 => format!("{{\"query\":{query},\"variables\":{{\"a\":1,\"a\":2}}}}"),
        9 => format!("{{\"query\":{query},\"variables\":{}}}", edge_cases::number(random)),
        10 => format!("{{\"query\":{query},\"variables\":{{\"v1\":{}}}}}", edge_cases::number(random)),
        11 => format!("{{\"query\":{query},\"variables\":{{\"v1\":\"\\ud800\"}}}}"),
        12 => format!(
            "{{\"query\":\"{{ gig(id: \\\"\\udfff\\\") {{ id }} }}\",\"a\":{}}}",
            edge_cases::number(random)
        ),
        13 => {
            let depth = random.below(3_000);
            format!(
                "{{\"query\":{query},\"variables\":{{\"v1\":{}{}}}}}",
                "[".repeat(depth),
                "]".repeat(depth)
            )
        }
        14 => "[".repeat(random.below(50_000)),
        15 => "{\"query\":".repeat(random.below(5_000)),
        16 => format!("{{\"query\":{query},\"extensions\":{}0{}}}", "{\"a\":".repeat(150), "}".repeat(150)),
        17 => valid.replace('"', "'"),
        18 => format!("{{query:{query}}}"),
        19 => format!("{{\"query\":{query},}}"),
        20 => format!("{{\"query\":{query},\"variables\":NaN}}"),
        21 => format!("{}{valid}", " \n\t".repeat(random.below(2_000))),
        22 => format!("[{query},null,{},{{}}]", json!(document.variables)),
        _ => valid,
    };
    corrupt_sometimes(text.into_bytes(), random)
}

/// Changes some bytes, with a probability of 25 percent. The result may not be UTF-8.
pub fn corrupt_sometimes(mut bytes: Vec<u8>, random: &mut RandomSource) -> Vec<u8> {
    if !random.chance(25) {
        return bytes;
    }
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len() + 1);
        match random.below(4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, *random.pick(&[0, 0x80, 0xff, 0xc0, b'"', b'\\', b'{', b'\n'])),
            2 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            _ if at < bytes.len() => drop(bytes.remove(at)),
            _ => {}
        }
    }
    bytes
}
