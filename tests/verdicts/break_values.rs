//! Changes that break, or nearly break, the rules on arguments, values and variables.

use crate::catalog::parse_type;
use crate::document::{Directive, Document, Selection, Value, Variable};
use crate::generate::Generator;
use crate::random::Random;

pub fn argument_names(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let arguments = &generator.catalog.arguments;
    if generator.random.percent(40) {
        return document.change_field(
            &mut generator.random,
            |_| true,
            |random, field| {
                let name = random.pick(arguments).clone();
                field.arguments.push((name, Value::literal("null")));
            },
        );
    }
    document.change_arguments(&mut generator.random, |random, list| {
        let at = random.below(list.len());
        list[at].0 = match random.below(3) {
            0 => format!("{}s", list[at].0),
            1 => list[at].0.to_uppercase(),
            _ => random.pick(arguments).clone(),
        };
    })
}

pub fn arguments_once(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    document.change_arguments(&mut generator.random, |random, list| {
        let mut copy = random.pick(list).clone();
        if random.percent(30) {
            copy.1 = Value::literal("1");
        }
        if random.percent(10) {
            copy.0 = copy.0.to_uppercase();
        }
        list.push(copy);
    })
}

pub fn required_arguments(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    if generator.random.percent(15) {
        return document.change_set(
            &mut generator.random,
            |set| set.ty != "Subscription",
            |random, set| {
                let at = random.below(set.selections.len());
                let name = (*random.pick(&["skip", "include"])).to_owned();
                set.selections[at].directives().push(Directive { name, arguments: Vec::new() });
            },
        );
    }
    if generator.random.percent(30) {
        let name = *generator.random.pick(&["gig", "node", "nodes"]);
        return document.change_set(
            &mut generator.random,
            |set| set.ty == "Query",
            |random, set| {
                let mut field = crate::document::Field::new(name);
                field.set = Some(crate::document::Set {
                    ty: "Node".to_owned(),
                    selections: vec![Selection::field("__typename")],
                });
                if random.percent(30) {
                    field.arguments.push(("id".to_owned(), Value::literal("\"x\"")));
                }
                set.selections.push(Selection::Field(field));
            },
        );
    }
    document.change_arguments(&mut generator.random, |random, list| {
        let at = random.below(list.len());
        list.remove(at);
    })
}

/// A literal that is seldom the right one.
fn any_literal(random: &mut Random) -> Value {
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

pub fn value_types(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    document.change_value(&mut generator.random, |_| true, |random, value| *value = any_literal(random))
}

/// Adds a mutation that takes an input object, so that there is one in every document.
fn with_input(generator: &mut Generator<'_>, document: &mut Document) {
    let has_object = |document: &mut Document| {
        let mut found = false;
        document.for_each_value(&mut |value| {
            found |= matches!(value, Value::Object(fields) if !fields.is_empty());
        });
        found
    };
    if has_object(document) {
        return;
    }
    let choices = [("signIn", "SignInInput"), ("postGig", "PostGigInput"), ("decideGig", "DecideGigInput")];
    let (name, input) = *generator.random.pick(&choices);
    let value = generator.typed_literal(&parse_type(&format!("{input}!")));
    let mut field = crate::document::Field::new(name);
    field.arguments.push(("input".to_owned(), value));
    field.set =
        Some(crate::document::Set { ty: String::new(), selections: vec![Selection::field("__typename")] });
    document.operations.truncate(1);
    document.fragments.clear();
    let operation = &mut document.operations[0];
    operation.kind = "mutation";
    operation.variables.clear();
    operation.set =
        crate::document::Set { ty: "Mutation".to_owned(), selections: vec![Selection::Field(field)] };
}

fn change_object(
    generator: &mut Generator<'_>,
    document: &mut Document,
    change: impl FnOnce(&mut Random, &mut Vec<(String, Value)>),
) -> bool {
    with_input(generator, document);
    let is_object = |value: &Value| matches!(value, Value::Object(fields) if !fields.is_empty());
    document.change_value(&mut generator.random, is_object, |random, value| {
        if let Value::Object(fields) = value {
            change(random, fields);
        }
    })
}

pub fn input_field_names(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let names = generator.catalog.input_fields.clone();
    change_object(generator, document, |random, fields| {
        let at = random.below(fields.len());
        match random.below(3) {
            0 => fields[at].0 = fields[at].0.to_uppercase(),
            1 => fields[at].0.push('s'),
            _ => fields.push((random.pick(&names).clone(), Value::literal("null"))),
        }
    })
}

pub fn input_fields_once(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    change_object(generator, document, |random, fields| {
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

pub fn input_fields_required(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    change_object(generator, document, |random, fields| {
        let at = random.below(fields.len());
        if random.percent(25) {
            fields[at].1 = Value::literal("null");
        } else {
            fields.remove(at);
        }
    })
}

/// The first operation, with at least one variable that is used.
fn with_variable<'d>(generator: &mut Generator<'_>, document: &'d mut Document) -> &'d mut Vec<Variable> {
    let operation = &mut document.operations[0];
    if operation.variables.is_empty() {
        let ty = *generator.random.pick(&["Boolean!", "Boolean"]);
        let default = (ty == "Boolean").then(|| Value::literal("true"));
        let at = generator.random.below(operation.set.selections.len());
        let name = *generator.random.pick(&["skip", "include"]);
        let directives = operation.set.selections[at].directives();
        directives.retain(|it| it.name != name);
        directives.push(Directive::condition(name, Value::Variable("flag".to_owned())));
        let variable =
            Variable { name: "flag".to_owned(), ty: ty.to_owned(), default, directives: Vec::new() };
        operation.variables.push(variable);
    }
    &mut operation.variables
}

pub fn variable_names(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let variables = with_variable(generator, document);
    let mut copy = generator.random.pick(variables).clone();
    if generator.random.percent(20) {
        copy.name = copy.name.to_uppercase();
    }
    variables.push(copy);
    true
}

pub fn input_variables(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let name = match generator.random.below(3) {
        0 => generator.random.pick(&generator.catalog.input_types()).clone(),
        _ => generator.random.pick(&generator.catalog.composite).clone(),
    };
    let variables = with_variable(generator, document);
    let at = generator.random.below(variables.len());
    variables[at].ty = match generator.random.below(3) {
        0 => name,
        1 => format!("{name}!"),
        _ => format!("[{name}]"),
    };
    true
}

pub fn variables_declared(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    match generator.random.below(5) {
        0 | 1 => {
            let variables = with_variable(generator, document);
            let at = generator.random.below(variables.len());
            variables.remove(at);
            true
        }
        2 => document.change_value(
            &mut generator.random,
            |_| true,
            |_, value| {
                *value = Value::Variable("nope".to_owned());
            },
        ),
        3 => change_object(generator, document, |random, fields| {
            let at = random.below(fields.len());
            fields[at].1 = Value::Variable("nope".to_owned());
        }),
        _ => {
            // Another operation that uses the same fragments, and declares none of their variables.
            let Some(fragment) = document.fragments.first() else { return false };
            let mut second = document.operations[0].clone();
            document.operations[0].name.get_or_insert("Op0".to_owned());
            second.name = Some("Second".to_owned());
            let ty = fragment.set.ty.clone();
            second.set.selections = vec![Selection::spread(&fragment.name)];
            if ty != second.set.ty {
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

pub fn variables_used(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let name = *generator.random.pick(&["extra", "Extra"]);
    let variable = Variable {
        name: name.to_owned(),
        ty: "Boolean!".to_owned(),
        default: generator.random.percent(20).then(|| Value::literal("true")),
        directives: Vec::new(),
    };
    document.operations[0].variables.push(variable);
    let used = Value::Variable("extra".to_owned());
    match generator.random.below(6) {
        0 => {
            let mut selection = Selection::field("__typename");
            selection.directives().push(Directive::condition("skip", used));
            document.operations[0].set.selections.push(selection);
        }
        1 if !document.fragments.is_empty() => {
            let mut selection = Selection::field("__typename");
            selection.directives().push(Directive::condition("include", used));
            document.fragments[0].set.selections.push(selection);
        }
        2 => {
            let last = document.operations.len() - 1;
            let mut selection = Selection::field("__typename");
            selection.directives().push(Directive::condition("include", used));
            document.operations[last].set.selections.push(selection);
        }
        _ => {}
    }
    true
}

pub fn variables_allowed(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let other = generator.random.pick(&generator.catalog.input_types()).clone();
    let variables = with_variable(generator, document);
    let at = generator.random.below(variables.len());
    let variable = &mut variables[at];
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
        variable.default = Some(generator.typed_literal(&ty));
    }
    true
}
