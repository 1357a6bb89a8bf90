//! Runs `graphql-js` in a Node process.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::literals::Literals;
use crate::npm;

const SCRIPT: &str = "validate-documents.mjs";

pub struct Request {
    pub document: String,
    pub variables: Option<Map<String, Json>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    pub violated_rules: Vec<String>,
    /// The literals of the document. `None` if a rule is violated.
    pub literals: Option<Literals>,
    /// `None` if the request has no variables, or if they or the document are invalid.
    pub coerced_variables: Option<Map<String, Json>>,
    #[serde(default)]
    pub variable_errors: Vec<String>,
}

/// Validates documents and coerces their variables. Returns one response per request.
pub fn validate(schema_file: &Path, requests: &[Request]) -> Vec<Response> {
    npm::install();
    let mut node = npm::script(SCRIPT, &[]);
    node.arg(schema_file);
    let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node starts");
    let mut input = node.stdin.take().expect("the input is piped");
    let output = BufReader::new(node.stdout.take().expect("the output is piped"));
    let responses: Vec<Response> = std::thread::scope(|scope| {
        scope.spawn(move || {
            for Request { document, variables } in requests {
                let line = json!({ "document": document, "variables": variables });
                writeln!(input, "{line}").expect("node reads its input");
            }
        });
        let lines = output.lines().map(|line| line.expect("node writes text"));
        lines.map(|line| parse_response(&line)).collect()
    });
    assert!(node.wait().expect("node exits").success(), "{SCRIPT} failed");
    responses
}

fn parse_response(line: &str) -> Response {
    let response: Response = serde_json::from_str(line).expect("each line is a response");
    Response { literals: response.literals.map(Literals::sorted), ..response }
}
