//! Multipart bodies of requests with files, valid and malformed.

use serde_json::{Value, json};

use super::documents::Document;
use super::edge_cases;
use super::json_bodies::{arbitrary_json, corrupt_sometimes, request_fields};
use super::random::RandomSource;

/// The body of a form with these parts. All parts except `operations` and `map` are files.
pub fn multipart(boundary: &str, parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in parts {
        body.extend(format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"").into_bytes());
        if !matches!(*name, "operations" | "map") {
            body.extend_from_slice(b"; filename=\"image.png\"\r\ncontent-type: image/png");
        }
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend(format!("--{boundary}--\r\n").into_bytes());
    body
}

/// A valid form with a file for each file variable of the document.
pub fn valid_form(boundary: &str, document: &Document, image: &[u8], random: &mut RandomSource) -> Vec<u8> {
    let operations = Value::Object(request_fields(document, random)).to_string();
    let names: Vec<String> = (0..document.files.len()).map(|number| number.to_string()).collect();
    let paths = names.iter().zip(&document.files).map(|(name, path)| (name.clone(), json!([path])));
    let map = Value::Object(paths.collect()).to_string();
    let mut parts: Vec<(&str, &[u8])> = vec![("operations", operations.as_bytes()), ("map", map.as_bytes())];
    parts.extend(names.iter().map(|name| (name.as_str(), image)));
    multipart(boundary, &parts)
}

/// A malformed form.
pub fn malformed_form(
    boundary: &str,
    document: &Document,
    image: &[u8],
    random: &mut RandomSource,
) -> Vec<u8> {
    let operations = Value::Object(request_fields(document, random)).to_string().into_bytes();
    let operations = corrupt_sometimes(operations, random);
    let map = malformed_map(document, random);
    let file = malformed_file(image, random);
    let mut parts: Vec<(&str, &[u8])> =
        vec![("operations", operations.as_slice()), ("map", map.as_slice()), ("0", file.as_slice())];
    match random.below(8) {
        0 => drop(parts.remove(random.below(3))),
        1 => parts.rotate_left(1 + random.below(2)),
        2 => parts.push(parts[random.below(3)]),
        3 => parts.extend([("1", file.as_slice()); 3]),
        4 => parts.extend([("0", file.as_slice()); 8]),
        5 => parts.push(("not-mapped", file.as_slice())),
        6 => parts.push(("", b"".as_slice())),
        _ => {}
    }
    let body = multipart(boundary, &parts);
    corrupt_sometimes(with_broken_framing(body, boundary, random), random)
}

/// A `map` part that is usually invalid.
fn malformed_map(document: &Document, random: &mut RandomSource) -> Vec<u8> {
    let first = document.files.first().map_or("variables.file", String::as_str);
    let path = match random.below(12) {
        0 => String::new(),
        1 => "variables".to_owned(),
        2 => "variables.".to_owned(),
        3 => format!("{first}.0.x"),
        4 => format!("{first}.18446744073709551616"),
        5 => "query".to_owned(),
        6 => "0.variables.file".to_owned(),
        7 => first.trim_start_matches("variables.").to_owned(),
        8 => "variables.v1.v2.v3.0.0.0".to_owned(),
        9 => edge_cases::text(random),
        10 => ".".repeat(random.below(5_000)),
        _ => first.to_owned(),
    };
    let map = match random.below(9) {
        0 => arbitrary_json(random, 3),
        1 => json!({ "0": path }),
        2 => json!({ "0": [[path]] }),
        3 => json!({ "0": [] }),
        4 => json!({ "nowhere": [path] }),
        5 => json!({ "0": vec![path; random.below(12)] }),
        6 => json!({ "operations": [path], "map": [first] }),
        _ => json!({ "0": [path] }),
    };
    corrupt_sometimes(map.to_string().into_bytes(), random)
}

/// An image that is usually invalid.
fn malformed_file(image: &[u8], random: &mut RandomSource) -> Vec<u8> {
    match random.below(7) {
        0 => Vec::new(),
        1 => image[..random.below(image.len())].to_vec(),
        2 => b"GIF89a\x01\x00\x01\x00\x00\x00\x00;".to_vec(),
        3 => b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(),
        4 => {
            let length = random.below(2_000);
            random.bytes(length)
        }
        _ => {
            let mut file = image.to_vec();
            let at = random.below(file.len());
            file[at] ^= 0xff;
            file
        }
    }
}

/// Usually breaks the multipart framing.
fn with_broken_framing(body: Vec<u8>, boundary: &str, random: &mut RandomSource) -> Vec<u8> {
    let text = |body: Vec<u8>| String::from_utf8_lossy(&body).into_owned();
    match random.below(14) {
        0 => body[..random.below(body.len())].to_vec(),
        1 => [b"preamble\r\n".as_slice(), &body, b"epilogue"].concat(),
        2 => text(body).replace("\r\n", "\n").into_bytes(),
        3 => text(body).replace(&format!("--{boundary}"), &format!("--{boundary}x")).into_bytes(),
        4 => text(body).replace("form-data; name", "form-data; nam").into_bytes(),
        5 => text(body).replace("form-data", "attachment").into_bytes(),
        6 => text(body).replace("content-disposition", "x-disposition").into_bytes(),
        7 => text(body)
            .replace("filename=\"image.png\"", "filename*=utf-8''%ff%00; filename=\"../\\\"\r")
            .into_bytes(),
        8 => text(body).replace("name=\"0\"", &format!("name=\"{}\"", "0".repeat(10_000))).into_bytes(),
        9 => text(body).replace("image/png", "\u{0}/\u{1f980}; charset=\"").into_bytes(),
        10 => format!("--{boundary}\r\n").repeat(random.below(500)).into_bytes(),
        11 => format!("--{boundary}--\r\n").into_bytes(),
        _ => body,
    }
}
