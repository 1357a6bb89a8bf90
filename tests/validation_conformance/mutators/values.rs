//! Mutators for the rules on arguments, values and variables.

use crate::document::{Directive, Document, Field, NamedValues, Selection, SelectionSet, Value, Variable};
use crate::generate::Generator;
use crate::random::Random;
use crate::test_schema::parse_type;

pub fn rename_or_add_argument(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let names = &generator.schema.argument_names;
    if generator.random.percent(40) {
        return document.mutate_random_field(
            &mut generator.random,
            |_| true,
            |random, field| {
                let name = random.pick(names).clone();
                field.arguments.push((name, Value::literal("null")));
            },
        );
    }
    document.mutate_random_arguments(&mut generator.random, |random, arguments| {
        let index = random.below(arguments.len());
        arguments[index].0 = match random.below(3) {
            0 => format!("{}s", arguments[index].0),
            1 => arguments[index].0.to_uppercase(),
            _ => random.pick(names).clone(),
        };
    })
}

pub fn duplicate_argument(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    document.mutate_random_arguments(&mut generator.random, |random, arguments| {
        let mut copy = random.pick(arguments).clone();
        if random.percent(30) {
            copy.1 = Value::literal("1");
        }
        if random.percent(10) {
            copy.0 = copy.0.to_uppercase();
        }
        arguments.push(copy);
    })
}

pub fn remove_argument(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    if generator.random.percent(15) {
        return document.mutate_random_selection_set(
            &mut generator.random,
            |selection_set| selection_set.ty != "Subscription",
            |random, selection_set| {
                let index = random.below(selection_set.selections.len());
                let name = (*random.pick(&["skip", "include"])).to_owned();
                selection_set.selections[index].directives().push(Directive { name, arguments: Vec::new() });
            },
        );
    }
    if generator.random.percent(30) {
        let name = *generator.random.pick(&["gig", "node", "nodes"]);
        return document.mutate_random_selection_set(
            &mut generator.random,
            |selection_set| selection_set.ty == "Query",
            |random, selection_set| {
                let mut field = Field::new(name);
                field.selection_set = Some(SelectionSet {
                    ty: "Node".to_owned(),
                    selections: vec![Selection::field("__typename")],
                });
                if random.percent(30) {
                    field.arguments.push(("id".to_owned(), Value::literal("\"x\"")));
                }
                selection_set.selections.push(Selection::Field(field));
            },
        );
    }
    document.mutate_random_arguments(&mut generator.random, |random, arguments| {
        let index = random.below(arguments.len());
        arguments.remove(index);
    })
}

/// A literal that rarely has the expected type.
fn arbitrary_literal(random: &mut Random) -> Value {
    match random.below(22) {
        0 => Value::literal("1"),
        1 => Value::literal("2147483648"),
        2 => Value::literal("-2147483649"),
        3 => Value::literal("1.0"),
        4 => Value::literal("1e3"),
        5 => Value::literal("true"),
        6 => Value::literal("null"),
        7 => Value::literal("\"NEWEST\""),
        8 => Value::literal("NEWEST"),
        9 => Value::literal("OPEN"),
        10 => Value::literal("\"\"\"1\"\"\""),
        11 => Value::List(Vec::new()),
        12 => Value::List(vec![Value::literal("null")]),
        13 => Value::List(vec![Value::literal("1")]),
        14 => Value::List(vec![Value::List(vec![Value::literal("\"x\"")])]),
        15 => Value::Object(Vec::new()),
        16 => Value::Object(vec![("seller".to_owned(), Value::literal("1"))]),
        17 => Value::Object(vec![("seller".to_owned(), Value::literal("1.5"))]),
        18 => Value::Object(vec![("tags".to_owned(), Value::List(vec![Value::literal("null")]))]),
        19 => Value::List(vec![Value::Object(Vec::new())]),
        20 => Value::literal("12345678901234567890"),
        _ => Value::literal("\"x\""),
    }
}

pub fn replace_value(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    document.mutate_random_value(
        &mut generator.random,
        |_| true,
        |random, value| *value = arbitrary_literal(random),
    )
}

/// Replaces a document without input objects by a mutation that has one.
fn ensure_input_object(generator: &mut Generator<'_>, document: &mut Document) {
    let contains_object = |document: &mut Document| {
        let mut has_object = false;
        document.for_each_value(&mut |value| {
            has_object |= matches!(value, Value::Object(fields) if !fields.is_empty());
        });
        has_object
    };
    if contains_object(document) {
        return;
    }
    let choices = [("signIn", "SignInInput"), ("postGig", "PostGigInput"), ("decideGig", "DecideGigInput")];
    let (name, input_type) = *generator.random.pick(&choices);
    let value = generator.literal_of_type(&parse_type(&format!("{input_type}!")));
    let mut field = Field::new(name);
    field.arguments.push(("input".to_owned(), value));
    field.selection_set =
        Some(SelectionSet { ty: String::new(), selections: vec![Selection::field("__typename")] });
    document.operations.truncate(1);
    document.fragments.clear();
    let operation = &mut document.operations[0];
    operation.kind = "mutation";
    operation.variables.clear();
    operation.selection_set =
        SelectionSet { ty: "Mutation".to_owned(), selections: vec![Selection::Field(field)] };
}

fn mutate_random_input_object(
    generator: &mut Generator<'_>,
    document: &mut Document,
    mutate: impl FnOnce(&mut Random, &mut NamedValues),
) -> bool {
    ensure_input_object(generator, document);
    let is_object = |value: &Value| matches!(value, Value::Object(fields) if !fields.is_empty());
    document.mutate_random_value(&mut generator.random, is_object, |random, value| {
        if let Value::Object(fields) = value {
            mutate(random, fields);
        }
    })
}

pub fn rename_or_add_input_field(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let names = generator.schema.input_field_names.clone();
    mutate_random_input_object(generator, document, |random, fields| {
        let index = random.below(fields.len());
        match random.below(3) {
            0 => fields[index].0 = fields[index].0.to_uppercase(),
            1 => fields[index].0.push('s'),
            _ => fields.push((random.pick(&names).clone(), Value::literal("null"))),
        }
    })
}

pub fn duplicate_input_field(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    mutate_random_input_object(generator, document, |random, fields| {
        let mut copy = random.pick(fields).clone();
        if random.percent(20) {
            copy.1 = Value::literal("null");
        }
        if random.percent(10) {
            copy.0 = copy.0.to_uppercase();
        }
        fields.push(copy);
    })
}

pub fn remove_input_field(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    mutate_random_input_object(generator, document, |random, fields| {
        let index = random.below(fields.len());
        if random.percent(25) {
            fields[index].1 = Value::literal("null");
        } else {
            fields.remove(index);
        }
    })
}

/// The variables of the first operation. If there are none, declares and uses one.
fn ensure_variable<'d>(generator: &mut Generator<'_>, document: &'d mut Document) -> &'d mut Vec<Variable> {
    let operation = &mut document.operations[0];
    if operation.variables.is_empty() {
        let ty = *generator.random.pick(&["Boolean!", "Boolean"]);
        let default = (ty == "Boolean").then(|| Value::literal("true"));
        let index = generator.random.below(operation.selection_set.selections.len());
        let name = *generator.random.pick(&["skip", "include"]);
        let directives = operation.selection_set.selections[index].directives();
        directives.retain(|directive| directive.name != name);
        directives.push(Directive::condition(name, Value::Variable("flag".to_owned())));
        let variable =
            Variable { name: "flag".to_owned(), ty: ty.to_owned(), default, directives: Vec::new() };
        operation.variables.push(variable);
    }
    &mut operation.variables
}

pub fn duplicate_variable(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let variables = ensure_variable(generator, document);
    let mut copy = generator.random.pick(variables).clone();
    if generator.random.percent(20) {
        copy.name = copy.name.to_uppercase();
    }
    variables.push(copy);
    true
}

pub fn replace_variable_type(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let name = match generator.random.below(3) {
        0 => generator.random.pick(&generator.schema.input_type_names()).clone(),
        _ => generator.random.pick(&generator.schema.composite_types).clone(),
    };
    let variables = ensure_variable(generator, document);
    let index = generator.random.below(variables.len());
    variables[index].ty = match generator.random.below(3) {
        0 => name,
        1 => format!("{name}!"),
        _ => format!("[{name}]"),
    };
    true
}

pub fn undeclare_variable(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    match generator.random.below(5) {
        0 | 1 => {
            let variables = ensure_variable(generator, document);
            let index = generator.random.below(variables.len());
            variables.remove(index);
            true
        }
        2 => document.mutate_random_value(
            &mut generator.random,
            |_| true,
            |_, value| {
                *value = Value::Variable("nope".to_owned());
            },
        ),
        3 => mutate_random_input_object(generator, document, |random, fields| {
            let index = random.below(fields.len());
            fields[index].1 = Value::Variable("nope".to_owned());
        }),
        _ => {
            // Another operation that spreads a fragment, but often does not declare its variables.
            let Some(fragment) = document.fragments.first() else { return false };
            let mut second = document.operations[0].clone();
            document.operations[0].name.get_or_insert("Op0".to_owned());
            second.name = Some("Second".to_owned());
            let ty = fragment.selection_set.ty.clone();
            second.selection_set.selections = vec![Selection::fragment_spread(&fragment.name)];
            if ty != second.selection_set.ty {
                return false;
            }
            if generator.random.percent(70) {
                second.variables.clear();
            }
            document.operations.push(second);
            true
        }
    }
}

pub fn add_unused_variable(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let name = *generator.random.pick(&["extra", "Extra"]);
    let variable = Variable {
        name: name.to_owned(),
        ty: "Boolean!".to_owned(),
        default: generator.random.percent(20).then(|| Value::literal("true")),
        directives: Vec::new(),
    };
    document.operations[0].variables.push(variable);
    let reference = Value::Variable("extra".to_owned());
    match generator.random.below(6) {
        0 => {
            let mut selection = Selection::field("__typename");
            selection.directives().push(Directive::condition("skip", reference));
            document.operations[0].selection_set.selections.push(selection);
        }
        1 if !document.fragments.is_empty() => {
            let mut selection = Selection::field("__typename");
            selection.directives().push(Directive::condition("include", reference));
            document.fragments[0].selection_set.selections.push(selection);
        }
        2 => {
            let last = document.operations.len() - 1;
            let mut selection = Selection::field("__typename");
            selection.directives().push(Directive::condition("include", reference));
            document.operations[last].selection_set.selections.push(selection);
        }
        _ => {}
    }
    true
}

pub fn alter_variable_type_or_default(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let other = generator.random.pick(&generator.schema.input_type_names()).clone();
    let variables = ensure_variable(generator, document);
    let index = generator.random.below(variables.len());
    let variable = &mut variables[index];
    match generator.random.below(8) {
        0 | 1 => match variable.ty.strip_suffix('!') {
            Some(nullable) => variable.ty = nullable.to_owned(),
            None => variable.ty.push('!'),
        },
        2 => variable.ty = format!("[{}]", variable.ty),
        3 => variable.ty = variable.ty.replace(['[', ']'], "").replace("!!", "!"),
        4 => variable.ty = other,
        5 => variable.ty = format!("{other}!"),
        6 => {
            variable.default = None;
            variable.ty = variable.ty.trim_end_matches('!').to_owned();
        }
        _ => {
            variable.default = Some(Value::literal("null"));
            variable.ty = variable.ty.trim_end_matches('!').to_owned();
        }
    }
    if variable.default.is_some()
        && generator.random.percent(70)
        && variable.default != Some(Value::literal("null"))
    {
        let ty = parse_type(&variable.ty);
        variable.default = Some(generator.literal_of_type(&ty));
    }
    true
}
