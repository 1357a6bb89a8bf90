//! What is wrong with a document, as a client is told.

use std::ops::Range;

use apollo_compiler::Schema;
use apollo_compiler::parser::SourceSpan;

/// So many errors of a document are told.
const ERRORS_MAX: usize = 5;
/// A message is cut behind so many characters; only names of excessive length make one so long.
const MESSAGE_MAX_CHARS: usize = 300;

/// Which part of the specification an error breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The document cannot be read, or goes beyond a limit of the reader.
    Syntax,
    /// The document can be read, and breaks a rule of validation.
    Validation,
    /// The value of a variable does not fit its declaration.
    Variable,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidationError {
    /// Which part of the specification it breaks.
    pub kind: ErrorKind,
    /// For the client's developer.
    pub message: String,
    /// Lines and columns in the document, counted from 1, columns in characters.
    pub locations: Vec<(usize, usize)>,
}

impl ValidationError {
    pub(super) fn variable(message: String) -> Self {
        Self { kind: ErrorKind::Variable, message: shortened(message), locations: Vec::new() }
    }
}

/// A mistake, before its place is counted out.
#[derive(PartialEq, Eq)]
struct Found {
    offset: Option<usize>,
    kind: ErrorKind,
    message: String,
}

/// Collects what is wrong with one document.
pub(super) struct Errors<'a> {
    document: &'a str,
    schema: Option<&'a Schema>,
    found: Vec<Found>,
}

impl<'a> Errors<'a> {
    /// For a document; with a schema, messages may tell its names.
    pub fn new(document: &'a str, schema: Option<&'a Schema>) -> Self {
        Self { document, schema, found: Vec::new() }
    }

    /// The schema, where messages may tell its names.
    pub fn suggestions(&self) -> Option<&'a Schema> {
        self.schema
    }

    /// The part of the document at a place.
    pub fn source(&self, span: Option<SourceSpan>) -> &'a str {
        span.map(|span| span.offset()..span.end_offset())
            .and_then(|range: Range<usize>| self.document.get(range))
            .unwrap_or_default()
    }

    pub fn syntax(&mut self, message: String, span: Option<SourceSpan>) {
        self.push(ErrorKind::Syntax, message, span.map(|span| span.offset()));
    }

    pub fn syntax_at(&mut self, message: String, offset: usize) {
        self.push(ErrorKind::Syntax, message, Some(offset));
    }

    pub fn validation(&mut self, message: String, span: Option<SourceSpan>) {
        self.push(ErrorKind::Validation, message, span.map(|span| span.offset()));
    }

    fn push(&mut self, kind: ErrorKind, message: String, offset: Option<usize>) {
        let found = Found { offset, kind, message: shortened(message) };
        // A rule that is broken in a fragment is broken in every operation that uses it.
        if !self.found.contains(&found) {
            self.found.push(found);
            // Kept few at all times, so that a document full of mistakes costs no more than one of few.
            if self.found.len() > 8 * ERRORS_MAX {
                self.shorten();
            }
        }
    }

    /// Those that stand first in the document.
    fn shorten(&mut self) {
        self.found.sort_by_key(|found| found.offset);
        self.found.truncate(ERRORS_MAX);
    }

    pub fn into_vec(mut self) -> Vec<ValidationError> {
        self.shorten();
        let error = |Found { offset, kind, message }| {
            let locations = offset.map(|offset| position(self.document, offset)).into_iter().collect();
            ValidationError { kind, message, locations }
        };
        self.found.into_iter().map(error).collect()
    }

    pub fn into_result(self) -> Result<(), Vec<ValidationError>> {
        if self.found.is_empty() { Ok(()) } else { Err(self.into_vec()) }
    }
}

fn shortened(mut message: String) -> String {
    if let Some((end, _)) = message.char_indices().nth(MESSAGE_MAX_CHARS) {
        message.truncate(end);
        message.push_str("..");
    }
    message
}

/// Line and column of an offset in bytes. A line ends with "\n", "\r" or "\r\n".
fn position(document: &str, offset: usize) -> (usize, usize) {
    let before = document.get(..offset).unwrap_or(document);
    let line_start = before.rfind(['\n', '\r']).map_or(0, |end| end + 1);
    let ends = before.bytes().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
    let line = 1 + ends - before.matches("\r\n").count();
    (line, 1 + before.get(line_start..).unwrap_or_default().chars().count())
}

#[cfg(test)]
mod tests {
    use super::position;

    #[test]
    fn lines_end_as_the_specification_says() {
        assert_eq!(position("a\r\nb\rc\nd", 0), (1, 1));
        assert_eq!(position("a\r\nb\rc\nd", 3), (2, 1));
        assert_eq!(position("a\r\nb\rc\nd", 5), (3, 1));
        assert_eq!(position("a\r\nb\rc\nd", 7), (4, 1));
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(position("# ä\n\"😀\" x", 12), (2, 5));
    }
}
