//! Valid documents, by a random walk of the schema.

use apollo_compiler::Node;
use apollo_compiler::ast::{InputValueDefinition, Type};
use apollo_compiler::schema::ExtendedType;

use crate::catalog::{Catalog, parse_type};
use crate::document::{Directive, Document, Field, Fragment, Operation, Selection, Set, Value, Variable};
use crate::random::Random;

pub struct Generator<'a> {
    pub catalog: &'a Catalog,
    pub random: Random,
}

/// What one operation has declared so far.
#[derive(Default)]
struct Scope {
    variables: Vec<Variable>,
    fragments: Vec<Fragment>,
    prefix: usize,
    names: usize,
}

impl Scope {
    fn name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{kind}{}{}", self.prefix, self.names)
    }

    /// A new variable.
    fn declare(&mut self, ty: &str, default: Option<Value>) -> Value {
        let name = self.name("v");
        let variable = Variable { name: name.clone(), ty: ty.to_owned(), default, directives: Vec::new() };
        self.variables.push(variable);
        Value::Variable(name)
    }
}

impl Generator<'_> {
    /// A document of one operation, sometimes more.
    pub fn document(&mut self) -> Document {
        let mut document = Document { operations: Vec::new(), fragments: Vec::new(), rest: String::new() };
        let many = if self.random.percent(12) { 2 } else { 1 };
        for index in 0..many {
            let kind = match self.random.below(10) {
                0 => "mutation",
                1 => "subscription",
                _ => "query",
            };
            let (mut operation, fragments) = self.operation(kind, index);
            if many == 1 && self.random.percent(50) {
                operation.name = None;
            }
            document.operations.push(operation);
            document.fragments.extend(fragments);
        }
        document
    }

    /// A document of one operation of a kind.
    pub fn document_of(&mut self, kind: &'static str) -> Document {
        let (operation, fragments) = self.operation(kind, 0);
        Document { operations: vec![operation], fragments, rest: String::new() }
    }

    fn operation(&mut self, kind: &'static str, index: usize) -> (Operation, Vec<Fragment>) {
        let mut scope = Scope { prefix: index, ..Scope::default() };
        let root = match kind {
            "mutation" => "Mutation",
            "subscription" => "Subscription",
            _ => "Query",
        };
        let mut set = if kind == "subscription" {
            let field = self.field(root, &mut scope, 3);
            Set { ty: root.to_owned(), selections: vec![Selection::Field(field)] }
        } else {
            self.set(root, &mut scope, 4)
        };
        if kind == "query" && self.random.percent(4) {
            set.selections.push(Selection::Field(self.introspection()));
        }
        let operation = Operation {
            kind,
            name: Some(format!("Op{index}")),
            variables: scope.variables,
            directives: Vec::new(),
            set,
        };
        (operation, scope.fragments)
    }

    fn introspection(&mut self) -> Field {
        let mut name = Field::new("__schema");
        let mut types = Field::new(self.random.pick::<&str>(&["types", "queryType", "mutationType"]));
        types.set = Some(Set { ty: "__Type".to_owned(), selections: vec![Selection::field("name")] });
        name.set = Some(Set { ty: "__Schema".to_owned(), selections: vec![Selection::Field(types)] });
        name
    }

    fn set(&mut self, ty: &str, scope: &mut Scope, depth: usize) -> Set {
        let many = 1 + self.random.below(3);
        let mut selections = Vec::new();
        for _ in 0..many {
            let choice = self.random.below(20);
            let selection = if choice == 0 || self.catalog.fields_of(ty).is_empty() && choice < 8 {
                Selection::field("__typename")
            } else if depth > 1 && (choice < 4 || self.catalog.fields_of(ty).is_empty()) {
                self.fragment(ty, scope, depth - 1)
            } else if self.catalog.fields_of(ty).is_empty() {
                Selection::field("__typename")
            } else {
                Selection::Field(self.field(ty, scope, depth))
            };
            selections.push(selection);
        }
        let mut set = Set { ty: ty.to_owned(), selections };
        for selection in &mut set.selections {
            if ty != "Subscription" && self.random.percent(6) {
                let condition = self.argument_value(&parse_type("Boolean!"), scope, 0);
                let name = *self.random.pick(&["skip", "include"]);
                selection.directives().push(Directive::condition(name, condition));
            }
        }
        set
    }

    /// A fragment that applies to a type: an inline one, or a named one of its own or of before.
    fn fragment(&mut self, ty: &str, scope: &mut Scope, depth: usize) -> Selection {
        let applicable = self.catalog.applicable(ty);
        let reusable: Vec<_> = scope
            .fragments
            .iter()
            .filter(|it| applicable.contains(&it.set.ty))
            .map(|it| it.name.clone())
            .collect();
        if !reusable.is_empty() && self.random.percent(30) {
            return Selection::spread(self.random.pick::<String>(&reusable));
        }
        let on = self.random.pick(&applicable).clone();
        match self.random.below(5) {
            0 => {
                let set = self.set(ty, scope, depth);
                Selection::Inline { on: false, directives: Vec::new(), set }
            }
            1 | 2 => {
                let set = self.set(&on, scope, depth);
                Selection::Inline { on: true, directives: Vec::new(), set }
            }
            _ => {
                let set = self.set(&on, scope, depth);
                let name = scope.name("F");
                scope.fragments.push(Fragment { name: name.clone(), directives: Vec::new(), set });
                Selection::spread(&name)
            }
        }
    }

    fn field(&mut self, ty: &str, scope: &mut Scope, depth: usize) -> Field {
        let fields = self.catalog.fields_of(ty);
        let leaves: Vec<_> = fields
            .iter()
            .filter(|it| !self.catalog.is_composite(it.ty.inner_named_type()))
            .cloned()
            .collect();
        let from = if depth <= 1 && !leaves.is_empty() { &leaves } else { &fields };
        let definition = self.random.pick(from).clone();
        let mut field = Field::new(&definition.name);
        for argument in &definition.arguments {
            if argument.is_required() || self.random.percent(30) {
                let value = self.value_for(argument, scope);
                field.arguments.push((argument.name.to_string(), value));
            }
        }
        if !field.arguments.is_empty() || self.random.percent(30) {
            field.alias = Some(scope.name("a"));
        }
        let inner = definition.ty.inner_named_type();
        if self.catalog.is_composite(inner) {
            field.set = Some(if depth == 0 {
                Set { ty: inner.to_string(), selections: vec![Selection::field("__typename")] }
            } else {
                self.set(inner, scope, depth - 1)
            });
        }
        field
    }

    fn value_for(&mut self, definition: &Node<InputValueDefinition>, scope: &mut Scope) -> Value {
        self.argument_value(&definition.ty, scope, 3)
    }

    /// A literal or a variable.
    fn argument_value(&mut self, ty: &Type, scope: &mut Scope, depth: usize) -> Value {
        if !self.random.percent(30) {
            return self.literal(ty, Some(scope), depth);
        }
        let fitting: Vec<_> = scope
            .variables
            .iter()
            .filter(|it| parse_type(&it.ty).is_assignable_to(ty))
            .map(|it| it.name.clone())
            .collect();
        if !fitting.is_empty() && self.random.percent(50) {
            return Value::Variable(self.random.pick(&fitting).clone());
        }
        let mut written = ty.to_string();
        let mut default = None;
        if ty.is_non_null() && self.random.percent(20) {
            written.pop();
            default = Some(self.literal(ty, None, depth));
        } else if !ty.is_non_null() && self.random.percent(20) {
            written.push('!');
        } else if self.random.percent(25) {
            default = Some(self.literal(ty, None, depth));
        }
        scope.declare(&written, default)
    }

    /// A literal of a type; with a scope, with variables in it.
    pub fn typed_literal(&mut self, ty: &Type) -> Value {
        self.literal(ty, None, 3)
    }

    fn literal(&mut self, ty: &Type, mut scope: Option<&mut Scope>, depth: usize) -> Value {
        if !ty.is_non_null() && self.random.percent(8) {
            return Value::literal("null");
        }
        if ty.is_list() {
            if self.random.percent(15) {
                return self.literal(&ty.item_type().clone().non_null(), scope, depth);
            }
            let many = self.random.below(4);
            let items = (0..many).map(|_| self.nested(ty.item_type(), scope.as_deref_mut(), depth));
            return Value::List(items.collect());
        }
        match self.catalog.schema.types.get(ty.inner_named_type()) {
            Some(ExtendedType::InputObject(definition)) => {
                let mut fields = Vec::new();
                for field in definition.fields.values() {
                    if field.is_required() || self.random.percent(35) {
                        let value = self.nested(&field.ty, scope.as_deref_mut(), depth.saturating_sub(1));
                        fields.push((field.name.to_string(), value));
                    }
                }
                Value::Object(fields)
            }
            Some(ExtendedType::Enum(definition)) => {
                let names: Vec<_> = definition.values.keys().collect();
                Value::literal(self.random.pick(&names).as_str())
            }
            _ => self.scalar(ty.inner_named_type(), scope, depth),
        }
    }

    fn nested(&mut self, ty: &Type, scope: Option<&mut Scope>, depth: usize) -> Value {
        match scope {
            Some(scope) => self.argument_value(ty, scope, depth),
            None => self.literal(ty, None, depth),
        }
    }

    fn scalar(&mut self, name: &str, scope: Option<&mut Scope>, depth: usize) -> Value {
        match name {
            "Int" => {
                Value::literal(*self.random.pick(&["0", "-0", "1", "20", "-7", "2147483647", "-2147483648"]))
            }
            "Float" => Value::literal(*self.random.pick(&["0", "1.5", "-2e3", "7"])),
            "Boolean" => Value::literal(*self.random.pick(&["true", "false"])),
            "ID" if self.random.percent(30) => Value::literal(*self.random.pick(&["1", "-5", "12345678901"])),
            "String" | "ID" => self.string(),
            _ => self.anything(name, scope, depth),
        }
    }

    pub fn string(&mut self) -> Value {
        Value::literal(*self.random.pick(&[
            "\"\"",
            "\"abc\"",
            "\"NEWEST\"",
            "\"12.50\"",
            "\"a\\\"b\\\\c\\/\\n\\t\"",
            "\"\\u00e4\\u20AC\"",
            "\"\\ud83d\\ude00\"",
            "\"x\\u{1F600}\\u{41}\"",
            "\"ä😀 # { \"",
            "\"\"\"block\"\"\"",
            "\"\"\"a \\\"\"\" b\"\"\"",
            "\"\"\"\n      a \\n\n  \n        \"b\" \r\n      c\n  \"\"\"",
        ]))
    }

    /// What may stand in a custom scalar.
    fn anything(&mut self, name: &str, mut scope: Option<&mut Scope>, depth: usize) -> Value {
        let choices = if depth == 0 { 6 } else { 8 };
        match self.random.below(choices) {
            0 => Value::literal("1"),
            1 => Value::literal("-2.5e1"),
            2 => Value::literal("true"),
            3 => Value::literal("ANYTHING"),
            4 | 5 => self.string(),
            6 => {
                let many = self.random.below(3);
                let items = (0..many).map(|_| match (self.random.below(4), &mut scope) {
                    (0, _) => Value::literal("null"),
                    // A variable in a list is taken for one of the scalar's type.
                    (1, Some(scope)) => {
                        let ty = *self.random.pick(&[name, name, name, "String"]);
                        scope.declare(ty, None)
                    }
                    (_, scope) => self.anything(name, scope.as_deref_mut(), depth - 1),
                });
                Value::List(items.collect())
            }
            _ => {
                let inner = self.anything(name, None, depth - 1);
                let scope = scope.filter(|_| self.random.percent(50));
                let mut fields = vec![("a".to_owned(), inner)];
                if let Some(scope) = scope {
                    let ty = *self.random.pick(&["Int", "String!", "GigFilter", "[ID!]", "Float", "[[Int]]"]);
                    fields.push(("b".to_owned(), scope.declare(ty, None)));
                }
                Value::Object(fields)
            }
        }
    }
}
