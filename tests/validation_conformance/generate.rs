//! Generates valid documents by a random walk of the schema.

use apollo_compiler::Node;
use apollo_compiler::ast::{InputValueDefinition, Type};
use apollo_compiler::schema::ExtendedType;

use crate::document::{
    Directive, Document, Field, Fragment, Operation, Selection, SelectionSet, Value, Variable,
};
use crate::random::Random;
use crate::test_schema::{TestSchema, parse_type};

pub struct Generator<'a> {
    pub schema: &'a TestSchema,
    pub random: Random,
}

/// The variables and fragments of one operation so far.
#[derive(Default)]
struct OperationScope {
    variables: Vec<Variable>,
    fragments: Vec<Fragment>,
    operation_index: usize,
    name_count: usize,
}

impl OperationScope {
    /// A name that is unique in the document.
    fn unique_name(&mut self, prefix: &str) -> String {
        self.name_count += 1;
        format!("{prefix}{}{}", self.operation_index, self.name_count)
    }

    /// Declares a new variable and returns a reference to it.
    fn declare(&mut self, ty: &str, default: Option<Value>) -> Value {
        let name = self.unique_name("v");
        let variable = Variable { name: name.clone(), ty: ty.to_owned(), default, directives: Vec::new() };
        self.variables.push(variable);
        Value::Variable(name)
    }
}

impl Generator<'_> {
    /// A document with one operation, or sometimes two.
    pub fn document(&mut self) -> Document {
        let mut document =
            Document { operations: Vec::new(), fragments: Vec::new(), trailing_text: String::new() };
        let count = if self.random.percent(12) { 2 } else { 1 };
        for index in 0..count {
            let kind = match self.random.below(10) {
                0 => "mutation",
                1 => "subscription",
                _ => "query",
            };
            let (mut operation, fragments) = self.operation(kind, index);
            if count == 1 && self.random.percent(50) {
                operation.name = None;
            }
            document.operations.push(operation);
            document.fragments.extend(fragments);
        }
        document
    }

    /// A document with one operation of a kind: `query`, `mutation` or `subscription`.
    pub fn document_of_kind(&mut self, kind: &'static str) -> Document {
        let (operation, fragments) = self.operation(kind, 0);
        Document { operations: vec![operation], fragments, trailing_text: String::new() }
    }

    fn operation(&mut self, kind: &'static str, index: usize) -> (Operation, Vec<Fragment>) {
        let mut scope = OperationScope { operation_index: index, ..OperationScope::default() };
        let root = match kind {
            "mutation" => "Mutation",
            "subscription" => "Subscription",
            _ => "Query",
        };
        let mut selection_set = if kind == "subscription" {
            let field = self.field(root, &mut scope, 3);
            SelectionSet { ty: root.to_owned(), selections: vec![Selection::Field(field)] }
        } else {
            self.selection_set(root, &mut scope, 4)
        };
        if kind == "query" && self.random.percent(4) {
            selection_set.selections.push(Selection::Field(self.introspection_field()));
        }
        let operation = Operation {
            kind,
            name: Some(format!("Op{index}")),
            variables: scope.variables,
            directives: Vec::new(),
            selection_set,
        };
        (operation, scope.fragments)
    }

    fn introspection_field(&mut self) -> Field {
        let mut schema = Field::new("__schema");
        let mut types = Field::new(self.random.pick::<&str>(&["types", "queryType", "mutationType"]));
        types.selection_set =
            Some(SelectionSet { ty: "__Type".to_owned(), selections: vec![Selection::field("name")] });
        schema.selection_set =
            Some(SelectionSet { ty: "__Schema".to_owned(), selections: vec![Selection::Field(types)] });
        schema
    }

    fn selection_set(&mut self, ty: &str, scope: &mut OperationScope, depth: usize) -> SelectionSet {
        let count = 1 + self.random.below(3);
        let mut selections = Vec::new();
        for _ in 0..count {
            let choice = self.random.below(20);
            let selection = if choice == 0 || self.schema.fields_of_type(ty).is_empty() && choice < 8 {
                Selection::field("__typename")
            } else if depth > 1 && (choice < 4 || self.schema.fields_of_type(ty).is_empty()) {
                self.fragment(ty, scope, depth - 1)
            } else if self.schema.fields_of_type(ty).is_empty() {
                Selection::field("__typename")
            } else {
                Selection::Field(self.field(ty, scope, depth))
            };
            selections.push(selection);
        }
        let mut selection_set = SelectionSet { ty: ty.to_owned(), selections };
        for selection in &mut selection_set.selections {
            if ty != "Subscription" && self.random.percent(6) {
                let condition = self.variable_or_literal(&parse_type("Boolean!"), scope, 0);
                let name = *self.random.pick(&["skip", "include"]);
                selection.directives().push(Directive::condition(name, condition));
            }
        }
        selection_set
    }

    /// An inline fragment that applies to a type, or a spread of a new or an existing fragment.
    fn fragment(&mut self, ty: &str, scope: &mut OperationScope, depth: usize) -> Selection {
        let type_conditions = self.schema.applicable_type_conditions(ty);
        let reusable: Vec<_> = scope
            .fragments
            .iter()
            .filter(|fragment| type_conditions.contains(&fragment.selection_set.ty))
            .map(|fragment| fragment.name.clone())
            .collect();
        if !reusable.is_empty() && self.random.percent(30) {
            return Selection::fragment_spread(self.random.pick::<String>(&reusable));
        }
        let type_condition = self.random.pick(&type_conditions).clone();
        match self.random.below(5) {
            0 => {
                let selection_set = self.selection_set(ty, scope, depth);
                Selection::InlineFragment { has_type_condition: false, directives: Vec::new(), selection_set }
            }
            1 | 2 => {
                let selection_set = self.selection_set(&type_condition, scope, depth);
                Selection::InlineFragment { has_type_condition: true, directives: Vec::new(), selection_set }
            }
            _ => {
                let selection_set = self.selection_set(&type_condition, scope, depth);
                let name = scope.unique_name("F");
                scope.fragments.push(Fragment { name: name.clone(), directives: Vec::new(), selection_set });
                Selection::fragment_spread(&name)
            }
        }
    }

    fn field(&mut self, ty: &str, scope: &mut OperationScope, depth: usize) -> Field {
        let fields = self.schema.fields_of_type(ty);
        let leaves: Vec<_> = fields
            .iter()
            .filter(|field| !self.schema.is_composite(field.ty.inner_named_type()))
            .cloned()
            .collect();
        let candidates = if depth <= 1 && !leaves.is_empty() { &leaves } else { &fields };
        let definition = self.random.pick(candidates).clone();
        let mut field = Field::new(&definition.name);
        for argument in &definition.arguments {
            if argument.is_required() || self.random.percent(30) {
                let value = self.argument_value(argument, scope);
                field.arguments.push((argument.name.to_string(), value));
            }
        }
        if !field.arguments.is_empty() || self.random.percent(30) {
            field.alias = Some(scope.unique_name("a"));
        }
        let type_name = definition.ty.inner_named_type();
        if self.schema.is_composite(type_name) {
            field.selection_set = Some(if depth == 0 {
                SelectionSet { ty: type_name.to_string(), selections: vec![Selection::field("__typename")] }
            } else {
                self.selection_set(type_name, scope, depth - 1)
            });
        }
        field
    }

    fn argument_value(
        &mut self,
        definition: &Node<InputValueDefinition>,
        scope: &mut OperationScope,
    ) -> Value {
        self.variable_or_literal(&definition.ty, scope, 3)
    }

    /// A literal, or a variable that exists or is declared here.
    fn variable_or_literal(&mut self, ty: &Type, scope: &mut OperationScope, depth: usize) -> Value {
        if !self.random.percent(30) {
            return self.literal(ty, Some(scope), depth);
        }
        let compatible: Vec<_> = scope
            .variables
            .iter()
            .filter(|variable| parse_type(&variable.ty).is_assignable_to(ty))
            .map(|variable| variable.name.clone())
            .collect();
        if !compatible.is_empty() && self.random.percent(50) {
            return Value::Variable(self.random.pick(&compatible).clone());
        }
        let mut type_text = ty.to_string();
        let mut default = None;
        if ty.is_non_null() && self.random.percent(20) {
            type_text.pop();
            default = Some(self.literal(ty, None, depth));
        } else if !ty.is_non_null() && self.random.percent(20) {
            type_text.push('!');
        } else if self.random.percent(25) {
            default = Some(self.literal(ty, None, depth));
        }
        scope.declare(&type_text, default)
    }

    /// A literal of a type, without variables.
    pub fn literal_of_type(&mut self, ty: &Type) -> Value {
        self.literal(ty, None, 3)
    }

    /// A literal of a type. With a scope, it may contain variables.
    fn literal(&mut self, ty: &Type, mut scope: Option<&mut OperationScope>, depth: usize) -> Value {
        if !ty.is_non_null() && self.random.percent(8) {
            return Value::literal("null");
        }
        if ty.is_list() {
            if self.random.percent(15) {
                return self.literal(&ty.item_type().clone().non_null(), scope, depth);
            }
            let count = self.random.below(4);
            let items = (0..count).map(|_| self.nested_value(ty.item_type(), scope.as_deref_mut(), depth));
            return Value::List(items.collect());
        }
        match self.schema.parsed.types.get(ty.inner_named_type()) {
            Some(ExtendedType::InputObject(definition)) => {
                let mut fields = Vec::new();
                for field in definition.fields.values() {
                    if field.is_required() || self.random.percent(35) {
                        let value =
                            self.nested_value(&field.ty, scope.as_deref_mut(), depth.saturating_sub(1));
                        fields.push((field.name.to_string(), value));
                    }
                }
                Value::Object(fields)
            }
            Some(ExtendedType::Enum(definition)) => {
                let names: Vec<_> = definition.values.keys().collect();
                Value::literal(self.random.pick(&names).as_str())
            }
            _ => self.scalar_literal(ty.inner_named_type(), scope, depth),
        }
    }

    fn nested_value(&mut self, ty: &Type, scope: Option<&mut OperationScope>, depth: usize) -> Value {
        match scope {
            Some(scope) => self.variable_or_literal(ty, scope, depth),
            None => self.literal(ty, None, depth),
        }
    }

    fn scalar_literal(&mut self, name: &str, scope: Option<&mut OperationScope>, depth: usize) -> Value {
        match name {
            "Int" => {
                Value::literal(*self.random.pick(&["0", "-0", "1", "20", "-7", "2147483647", "-2147483648"]))
            }
            "Float" => Value::literal(*self.random.pick(&["0", "1.5", "-2e3", "7"])),
            "Boolean" => Value::literal(*self.random.pick(&["true", "false"])),
            "ID" if self.random.percent(30) => Value::literal(*self.random.pick(&["1", "-5", "12345678901"])),
            "String" | "ID" => self.string_literal(),
            _ => self.custom_scalar_value(name, scope, depth),
        }
    }

    pub fn string_literal(&mut self) -> Value {
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

    /// A value of a custom scalar, which accepts any literal.
    fn custom_scalar_value(
        &mut self,
        name: &str,
        mut scope: Option<&mut OperationScope>,
        depth: usize,
    ) -> Value {
        let choices = if depth == 0 { 6 } else { 8 };
        match self.random.below(choices) {
            0 => Value::literal("1"),
            1 => Value::literal("-2.5e1"),
            2 => Value::literal("true"),
            3 => Value::literal("ANYTHING"),
            4 | 5 => self.string_literal(),
            6 => {
                let count = self.random.below(3);
                let items = (0..count).map(|_| match (self.random.below(4), &mut scope) {
                    (0, _) => Value::literal("null"),
                    // A variable in a list has the position type of the scalar.
                    (1, Some(scope)) => {
                        let ty = *self.random.pick(&[name, name, name, "String"]);
                        scope.declare(ty, None)
                    }
                    (_, scope) => self.custom_scalar_value(name, scope.as_deref_mut(), depth - 1),
                });
                Value::List(items.collect())
            }
            _ => {
                let inner = self.custom_scalar_value(name, None, depth - 1);
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
