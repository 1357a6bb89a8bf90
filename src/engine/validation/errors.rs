//! Validation errors.

use std::ops::Range;

use apollo_compiler::Schema;
use apollo_compiler::parser::SourceSpan;

/// The most errors that are reported for a document.
const ERRORS_MAX: usize = 5;

/// Longer messages are truncated. Only very long names cause them.
const MESSAGE_MAX_CHARS: usize = 300;

/// What is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The syntax of the document, or its size.
    Syntax,
    /// The document breaks a rule of validation.
    Validation,
    /// The value of a variable is not of its type.
    Variable,
    /// A required variable has no value.
    MissingVariable,
}

/// An error in a document, or in the values of variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidationError {
    pub kind: ErrorKind,
    pub message: String,
    /// Lines and columns in the document, from 1. Columns count characters.
    pub locations: Vec<(usize, usize)>,
}

impl ValidationError {
    pub(super) fn variable(message: String) -> Self {
        Self { kind: ErrorKind::Variable, message: truncate(message), locations: Vec::new() }
    }
}

/// An error whose line and column are not computed yet.
#[derive(PartialEq, Eq)]
struct ReportedError {
    /// In bytes.
    offset: Option<usize>,
    kind: ErrorKind,
    message: String,
}

/// Collects the errors of one document.
pub(super) struct Errors<'a> {
    document: &'a str,
    schema: Option<&'a Schema>,
    reported: Vec<ReportedError>,
}

impl<'a> Errors<'a> {
    /// With a schema, messages suggest names of the schema.
    pub fn new(document: &'a str, schema: Option<&'a Schema>) -> Self {
        Self { document, schema, reported: Vec::new() }
    }

    /// The schema, if messages can suggest its names.
    pub fn schema_for_suggestions(&self) -> Option<&'a Schema> {
        self.schema
    }

    /// The text at a span; empty without a span.
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
        let error = ReportedError { offset, kind, message: truncate(message) };
        // An error in a fragment is found in each operation that uses the fragment.
        if !self.reported.contains(&error) {
            self.reported.push(error);
            // Never hold many errors, so that a document full of errors takes little memory.
            if self.reported.len() > 8 * ERRORS_MAX {
                self.keep_first();
            }
        }
    }

    /// Drops all errors except the first [`ERRORS_MAX`] in the document.
    fn keep_first(&mut self) {
        self.reported.sort_by_key(|error| error.offset);
        self.reported.truncate(ERRORS_MAX);
    }

    pub fn into_vec(mut self) -> Vec<ValidationError> {
        self.keep_first();
        let error = |ReportedError { offset, kind, message }| {
            let locations = offset.map(|offset| position(self.document, offset)).into_iter().collect();
            ValidationError { kind, message, locations }
        };
        self.reported.into_iter().map(error).collect()
    }

    pub fn into_result(self) -> Result<(), Vec<ValidationError>> {
        if self.reported.is_empty() { Ok(()) } else { Err(self.into_vec()) }
    }
}

fn truncate(mut message: String) -> String {
    if let Some((end, _)) = message.char_indices().nth(MESSAGE_MAX_CHARS) {
        message.truncate(end);
        message.push_str("..");
    }
    message
}

/// The line and column of an offset in bytes. A line ends with "\n", "\r" or "\r\n".
fn position(document: &str, offset: usize) -> (usize, usize) {
    let before = document.get(..offset).unwrap_or(document);
    let line_start = before.rfind(['\n', '\r']).map_or(0, |end| end + 1);
    let line_ends = before.bytes().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
    let line = 1 + line_ends - before.matches("\r\n").count();
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
