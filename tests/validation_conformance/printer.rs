//! Prints documents as text.

use crate::document::{Directive, Document, Operation, Selection, SelectionSet, Value, Variable};
use crate::random::Random;

/// A description that some operations, fragments and variables get.
const DESCRIPTION: &str = "\"\"\"Of what \\\"\"\" it is\"\"\"";

/// Prints documents, with random variations in whitespace, comments and shorthand.
pub struct Printer<'r> {
    pub random: &'r mut Random,
    text: String,
}

impl<'r> Printer<'r> {
    pub fn print(document: &Document, random: &'r mut Random) -> String {
        let mut printer = Self { random, text: String::new() };
        for operation in &document.operations {
            printer.operation(operation);
        }
        for fragment in &document.fragments {
            printer.maybe_description();
            printer.write_token("fragment");
            printer.write_token(&fragment.name);
            printer.write_token("on");
            printer.write_token(&fragment.selection_set.ty);
            printer.directives(&fragment.directives);
            printer.selection_set(&fragment.selection_set);
        }
        printer.text.push_str(&document.trailing_text);
        printer.text
    }

    /// Writes a token and a random sequence of ignored characters.
    fn write_token(&mut self, token: &str) {
        self.text.push_str(token);
        self.text.push_str(match self.random.below(60) {
            0 => " # on \"x\" {\n",
            1 => "\n  ",
            2 => "\r\n",
            3 => ", ",
            4 => "\u{feff} ",
            _ => " ",
        });
    }

    fn maybe_description(&mut self) {
        if self.random.percent(2) {
            self.write_token(DESCRIPTION);
        }
    }

    fn operation(&mut self, operation: &Operation) {
        let can_be_shorthand = operation.kind == "query"
            && operation.name.is_none()
            && operation.variables.is_empty()
            && operation.directives.is_empty();
        if !can_be_shorthand || self.random.percent(20) {
            self.maybe_description();
            self.write_token(operation.kind);
            if let Some(name) = &operation.name {
                self.write_token(name);
            }
            if !operation.variables.is_empty() {
                self.write_token("(");
                for variable in &operation.variables {
                    self.variable(variable);
                }
                self.write_token(")");
            }
            self.directives(&operation.directives);
        }
        self.selection_set(&operation.selection_set);
    }

    fn variable(&mut self, variable: &Variable) {
        self.maybe_description();
        self.write_token(&format!("${}:", variable.name));
        if self.random.percent(5) {
            let spaced = variable.ty.replace('[', "[ ").replace('!', " !").replace(']', " # ]\n]");
            self.write_token(&spaced);
        } else {
            self.write_token(&variable.ty);
        }
        if let Some(default) = &variable.default {
            self.write_token("=");
            self.value(default);
        }
        self.directives(&variable.directives);
    }

    fn directives(&mut self, directives: &[Directive]) {
        for directive in directives {
            self.write_token(&format!("@{}", directive.name));
            self.arguments(&directive.arguments);
        }
    }

    fn arguments(&mut self, arguments: &[(String, Value)]) {
        if arguments.is_empty() {
            return;
        }
        self.write_token("(");
        for (name, value) in arguments {
            self.write_token(name);
            self.write_token(":");
            self.value(value);
        }
        self.write_token(")");
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Variable(name) => self.write_token(&format!("${name}")),
            Value::Literal(text) => self.write_token(text),
            Value::List(items) => {
                self.write_token("[");
                for item in items {
                    self.value(item);
                }
                self.write_token("]");
            }
            Value::Object(fields) => {
                self.write_token("{");
                for (name, value) in fields {
                    self.write_token(name);
                    self.write_token(":");
                    self.value(value);
                }
                self.write_token("}");
            }
        }
    }

    fn selection_set(&mut self, selection_set: &SelectionSet) {
        self.write_token("{");
        for selection in &selection_set.selections {
            match selection {
                Selection::Field(field) => {
                    if let Some(alias) = &field.alias {
                        self.write_token(alias);
                        self.write_token(":");
                    }
                    self.write_token(&field.name);
                    self.arguments(&field.arguments);
                    self.directives(&field.directives);
                    if let Some(selection_set) = &field.selection_set {
                        self.selection_set(selection_set);
                    }
                }
                Selection::FragmentSpread { name, directives } => {
                    self.write_token("...");
                    self.write_token(name);
                    self.directives(directives);
                }
                Selection::InlineFragment { has_type_condition, directives, selection_set } => {
                    self.write_token("...");
                    if *has_type_condition {
                        self.write_token("on");
                        self.write_token(&selection_set.ty);
                    }
                    self.directives(directives);
                    self.selection_set(selection_set);
                }
            }
        }
        self.write_token("}");
    }
}
