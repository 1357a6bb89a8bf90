//! Writes documents.

use crate::document::{Directive, Document, Operation, Selection, Set, Value, Variable};
use crate::random::Random;

/// What describes operations, fragments and variables now and then.
const DESCRIPTION: &str = "\"\"\"Of what \\\"\"\" it is\"\"\"";

/// Writes documents, each a little otherwise where the specification leaves it free.
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
            printer.describe();
            printer.put("fragment");
            printer.put(&fragment.name);
            printer.put("on");
            printer.put(&fragment.set.ty);
            printer.directives(&fragment.directives);
            printer.set(&fragment.set);
        }
        printer.text.push_str(&document.rest);
        printer.text
    }

    /// Writes a token, with something that means nothing behind it.
    fn put(&mut self, token: &str) {
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

    fn describe(&mut self) {
        if self.random.percent(2) {
            self.put(DESCRIPTION);
        }
    }

    fn operation(&mut self, operation: &Operation) {
        let plain = operation.kind == "query"
            && operation.name.is_none()
            && operation.variables.is_empty()
            && operation.directives.is_empty();
        if !plain || self.random.percent(20) {
            self.describe();
            self.put(operation.kind);
            if let Some(name) = &operation.name {
                self.put(name);
            }
            if !operation.variables.is_empty() {
                self.put("(");
                for variable in &operation.variables {
                    self.variable(variable);
                }
                self.put(")");
            }
            self.directives(&operation.directives);
        }
        self.set(&operation.set);
    }

    fn variable(&mut self, variable: &Variable) {
        self.describe();
        self.put(&format!("${}:", variable.name));
        if self.random.percent(5) {
            let spaced = variable.ty.replace('[', "[ ").replace('!', " !").replace(']', " # ]\n]");
            self.put(&spaced);
        } else {
            self.put(&variable.ty);
        }
        if let Some(default) = &variable.default {
            self.put("=");
            self.value(default);
        }
        self.directives(&variable.directives);
    }

    fn directives(&mut self, directives: &[Directive]) {
        for directive in directives {
            self.put(&format!("@{}", directive.name));
            self.arguments(&directive.arguments);
        }
    }

    fn arguments(&mut self, arguments: &[(String, Value)]) {
        if arguments.is_empty() {
            return;
        }
        self.put("(");
        for (name, value) in arguments {
            self.put(name);
            self.put(":");
            self.value(value);
        }
        self.put(")");
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Variable(name) => self.put(&format!("${name}")),
            Value::Literal(text) => self.put(text),
            Value::List(items) => {
                self.put("[");
                for item in items {
                    self.value(item);
                }
                self.put("]");
            }
            Value::Object(fields) => {
                self.put("{");
                for (name, value) in fields {
                    self.put(name);
                    self.put(":");
                    self.value(value);
                }
                self.put("}");
            }
        }
    }

    fn set(&mut self, set: &Set) {
        self.put("{");
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    if let Some(alias) = &field.alias {
                        self.put(alias);
                        self.put(":");
                    }
                    self.put(&field.name);
                    self.arguments(&field.arguments);
                    self.directives(&field.directives);
                    if let Some(set) = &field.set {
                        self.set(set);
                    }
                }
                Selection::Spread { name, directives } => {
                    self.put("...");
                    self.put(name);
                    self.directives(directives);
                }
                Selection::Inline { on, directives, set } => {
                    self.put("...");
                    if *on {
                        self.put("on");
                        self.put(&set.ty);
                    }
                    self.directives(directives);
                    self.set(set);
                }
            }
        }
        self.put("}");
    }
}
