//! `graphql-js` in a process of Node.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::npm;

/// What is asked.
pub struct Request {
    pub document: String,
    pub variables: Option<Map<String, Json>>,
}

/// The values that are written in a document, in any order.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub struct Values {
    pub strings: Vec<String>,
    pub integers: Vec<f64>,
    /// Numbers with a fraction, and those beyond 64 bits.
    pub fractions: Vec<f64>,
    /// Values of enums, booleans and null.
    pub words: Vec<String>,
}

impl Values {
    pub fn sorted(mut self) -> Self {
        self.strings.sort();
        self.integers.sort_by(f64::total_cmp);
        self.fractions.sort_by(f64::total_cmp);
        self.words.sort();
        self
    }
}

/// What it says.
#[derive(Debug, Deserialize)]
pub struct Answer {
    /// The rules that refuse the document.
    pub rules: Vec<String>,
    /// The values that are written in the document, where none does.
    pub values: Option<Values>,
    /// The coerced variables, where they were given and all fit.
    pub coerced: Option<Map<String, Json>>,
    /// What is wrong with the variables.
    #[serde(default)]
    pub mistakes: Vec<String>,
}

/// Its answers, one for each request.
pub fn ask(schema: &Path, requests: &[Request]) -> Vec<Answer> {
    npm::install();
    let mut node = npm::script("verdicts.mjs", &[]);
    node.arg(schema);
    let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node runs");
    let mut input = node.stdin.take().expect("the input is piped");
    let output = BufReader::new(node.stdout.take().expect("the output is piped"));
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        scope.spawn(move || {
            for Request { document, variables } in requests {
                let line = json!({ "document": document, "variables": variables });
                writeln!(input, "{line}").expect("node reads");
            }
        });
        let lines = output.lines().map(|line| line.expect("node writes text"));
        lines.map(|line| answer(&line)).collect()
    });
    assert!(node.wait().expect("node ends").success(), "verdicts.mjs has failed");
    answers
}

fn answer(line: &str) -> Answer {
    let answer: Answer = serde_json::from_str(line).expect("each line is an answer");
    Answer { values: answer.values.map(Values::sorted), ..answer }
}
