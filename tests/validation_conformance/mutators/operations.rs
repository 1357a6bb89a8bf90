//! Mutators for the rules on operations and fields.

use crate::document::{
    Directive, Document, Field, Fragment, Operation, Selection, SelectionSet, Value, Variable,
};
use crate::generate::Generator;
use crate::random::Random;
use crate::test_schema::parse_type;

/// A leaf field without arguments on a root type.
fn leaf_of(root: &str) -> Selection {
    match root {
        "Query" => Selection::field("eventCursor"),
        _ => Selection::field("__typename"),
    }
}

fn operation(kind: &'static str, name: Option<&str>) -> Operation {
    let root = if kind == "mutation" { "Mutation" } else { "Query" };
    Operation {
        kind,
        name: name.map(str::to_owned),
        variables: Vec::new(),
        directives: Vec::new(),
        selection_set: SelectionSet { ty: root.to_owned(), selections: vec![leaf_of(root)] },
    }
}

pub fn fragment(name: &str, ty: &str, selections: Vec<Selection>) -> Fragment {
    Fragment {
        name: name.to_owned(),
        directives: Vec::new(),
        selection_set: SelectionSet { ty: ty.to_owned(), selections },
    }
}

pub fn inline_fragment(ty: &str, selections: Vec<Selection>) -> Selection {
    Selection::InlineFragment {
        has_type_condition: true,
        directives: Vec::new(),
        selection_set: SelectionSet { ty: ty.to_owned(), selections },
    }
}

pub fn add_type_system_definition(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let definitions = [
        "type Extra { a: Int }",
        "extend type Gig { b: Int }",
        "schema { query: Query }",
        "scalar Extra",
        "directive @extra on FIELD",
        "# type Extra { a: Int }",
        "enum E { A } input I { a: Int }",
    ];
    document.trailing_text.push_str(generator.random.pick::<&str>(&definitions));
    true
}

pub fn duplicate_operation_name(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    for operation in &mut document.operations {
        operation.name.get_or_insert("Op0".to_owned());
    }
    let name = document.operations[0].name.clone().unwrap_or_default();
    let name = match generator.random.below(4) {
        0 => name.to_uppercase(),
        1 => format!("{name}_"),
        _ => name,
    };
    let kind = *generator.random.pick(&["query", "mutation"]);
    document.operations.push(operation(kind, Some(&name)));
    true
}

pub fn add_anonymous_operation(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    match generator.random.below(4) {
        0 => document.operations.truncate(1),
        1 => {
            let index = generator.random.below(document.operations.len() + 1);
            document.operations.insert(index, operation("query", None));
            return true;
        }
        2 => document.operations.push(operation("mutation", None)),
        _ => document.operations.push(operation("query", Some("Another"))),
    }
    document.operations[0].name = None;
    true
}

pub fn add_subscription_root_field(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let Some(Selection::Field(root)) = document.operations[0].selection_set.selections.first().cloned()
    else {
        return false;
    };
    let mut second = match generator.random.below(6) {
        0 => Field::new("__typename"),
        1 => Field { alias: Some("other".to_owned()), ..root.clone() },
        2 => Field {
            selection_set: Some(SelectionSet {
                ty: "GigPublishedEvent".to_owned(),
                selections: vec![Selection::field("cursor")],
            }),
            ..Field::new("gigPublished")
        },
        _ => root.clone(),
    };
    let condition = match generator.random.below(8) {
        0 => Some("true"),
        1 => Some("false"),
        2 => Some("$"),
        _ => None,
    };
    if let Some(condition) = condition {
        let value = if condition == "$" {
            document.operations[0].variables.push(Variable {
                name: "decides".to_owned(),
                ty: "Boolean!".to_owned(),
                default: generator.random.percent(30).then(|| Value::literal("true")),
                directives: Vec::new(),
            });
            Value::Variable("decides".to_owned())
        } else {
            Value::literal(condition)
        };
        let name = *generator.random.pick(&["skip", "include"]);
        second.directives.push(Directive::condition(name, value));
    }
    let selection = match generator.random.below(5) {
        0 => {
            let inner = vec![Selection::Field(second)];
            document.fragments.push(fragment("Root", "Subscription", inner));
            if generator.random.percent(30) {
                document.operations[0].selection_set.selections.push(Selection::fragment_spread("Root"));
            }
            Selection::fragment_spread("Root")
        }
        1 => inline_fragment("Subscription", vec![Selection::Field(second)]),
        _ => Selection::Field(second),
    };
    let selections = &mut document.operations[0].selection_set.selections;
    if generator.random.percent(30) {
        selections.clear();
    }
    selections.push(selection);
    true
}

pub fn rename_or_add_field(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let names = &generator.schema.field_names;
    if generator.random.percent(30) {
        let name = match generator.random.below(4) {
            0 => "__typename".to_owned(),
            1 => "__schema".to_owned(),
            2 => "nope".to_owned(),
            _ => generator.random.pick(names).clone(),
        };
        let on_root = generator.random.percent(20);
        return document.mutate_random_selection_set(
            &mut generator.random,
            |selection_set| !on_root || selection_set.ty == "Query",
            |_, selection_set| {
                let mut field = Field::new(&name);
                if name == "__schema" {
                    let types = Selection::Field(Field {
                        selection_set: Some(SelectionSet {
                            ty: "__Type".to_owned(),
                            selections: vec![Selection::field("name")],
                        }),
                        ..Field::new("types")
                    });
                    field.selection_set =
                        Some(SelectionSet { ty: "__Schema".to_owned(), selections: vec![types] });
                }
                selection_set.selections.push(Selection::Field(field));
            },
        );
    }
    document.mutate_random_field(
        &mut generator.random,
        |_| true,
        |random, field| {
            field.name = match random.below(4) {
                0 => format!("{}s", field.name),
                1 => field.name.to_uppercase(),
                _ => random.pick(names).clone(),
            };
        },
    )
}

pub fn add_conflicting_field(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let wrapper = generator.random.below(4);
    let schema = generator.schema;
    match generator.random.below(8) {
        0 | 1 => return add_fields_on_different_types(generator, document),
        2 => return add_field_twice_with_list_arguments(generator, document),
        _ => {}
    }
    let mut new_fragment = None;
    let is_mutated = document.mutate_random_selection_set(
        &mut generator.random,
        |selection_set| {
            selection_set.ty != "Subscription"
                && selection_set.selections.iter().any(|selection| matches!(selection, Selection::Field(_)))
        },
        |random, selection_set| {
            let fields: Vec<_> = selection_set
                .selections
                .iter()
                .filter_map(
                    |selection| if let Selection::Field(field) = selection { Some(field) } else { None },
                )
                .collect();
            let mut copy = (*random.pick(&fields)).clone();
            let response_key = copy.alias.clone().unwrap_or_else(|| copy.name.clone());
            match random.below(10) {
                0 => {}
                1 if !copy.arguments.is_empty() => {
                    copy.arguments.reverse();
                    let index = random.below(copy.arguments.len());
                    alter_slightly(random, &mut copy.arguments[index].1);
                }
                2 if !copy.arguments.is_empty() => {
                    copy.arguments.pop();
                }
                3 => copy.arguments.reverse(),
                4 => {
                    copy.selection_set = copy.selection_set.map(|inner| SelectionSet {
                        selections: vec![Selection::field("__typename")],
                        ..inner
                    });
                }
                _ => {
                    let all = schema.fields_of_type(&selection_set.ty);
                    let leaves: Vec<_> = all
                        .iter()
                        .filter(|field| !schema.is_composite(field.ty.inner_named_type()))
                        .collect();
                    if !leaves.is_empty() {
                        copy = Field::new(&random.pick(&leaves).name);
                    }
                    copy.alias = Some(response_key);
                }
            }
            let copy = Selection::Field(copy);
            selection_set.selections.push(match wrapper {
                0 => inline_fragment(&selection_set.ty, vec![copy]),
                1 => {
                    new_fragment = Some(fragment("Merged", &selection_set.ty, vec![copy]));
                    Selection::fragment_spread("Merged")
                }
                _ => copy,
            });
        },
    );
    document.fragments.extend(new_fragment);
    is_mutated
}

/// Selects two fields with the same response key in fragments on different types.
fn add_fields_on_different_types(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let schema = generator.schema;
    document.mutate_random_selection_set(
        &mut generator.random,
        |selection_set| schema.applicable_type_conditions(&selection_set.ty).len() > 1,
        |random, selection_set| {
            let types = schema.applicable_type_conditions(&selection_set.ty);
            for _ in 0..2 {
                let ty = random.pick(&types);
                let fields = schema.fields_of_type(ty);
                let without_arguments: Vec<_> =
                    fields.iter().filter(|field| field.arguments.is_empty()).collect();
                let Some(_) = without_arguments.first() else { continue };
                let definition = random.pick(&without_arguments);
                let type_name = definition.ty.inner_named_type();
                let typename_of = |ty: &str| SelectionSet {
                    ty: ty.to_owned(),
                    selections: vec![Selection::field("__typename")],
                };
                let mut field = Field {
                    alias: Some("same".to_owned()),
                    selection_set: schema.is_composite(type_name).then(|| typename_of(type_name)),
                    ..Field::new(&definition.name)
                };
                let leaf = schema
                    .fields_of_type(type_name)
                    .into_iter()
                    .find(|field| !schema.is_composite(field.ty.inner_named_type()));
                if let (Some(inner), Some(leaf)) = (&mut field.selection_set, leaf)
                    && random.percent(60)
                {
                    let alias = Some("deep".to_owned());
                    inner.selections.push(Selection::Field(Field { alias, ..Field::new(&leaf.name) }));
                }
                selection_set.selections.push(inline_fragment(ty, vec![Selection::Field(field)]));
            }
        },
    )
}

/// Selects a field twice, with list arguments that are equal or differ slightly.
fn add_field_twice_with_list_arguments(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let in_object = generator.random.percent(50);
    let ty = parse_type(if in_object { "GigFilter!" } else { "[ID!]!" });
    let first = if in_object {
        let tags = generator.literal_of_type(&parse_type("[String!]!"));
        Value::Object(vec![("tags".to_owned(), tags), ("seller".to_owned(), Value::literal("1"))])
    } else {
        generator.literal_of_type(&ty)
    };
    let (name, argument) = if in_object { ("gigs", "where") } else { ("nodes", "ids") };
    let field = |value: &Value| {
        Selection::Field(Field {
            arguments: vec![(argument.to_owned(), value.clone())],
            selection_set: Some(SelectionSet {
                ty: String::new(),
                selections: vec![Selection::field("__typename")],
            }),
            ..Field::new(name)
        })
    };
    document.mutate_random_selection_set(
        &mut generator.random,
        |selection_set| selection_set.ty == "Query",
        |random, selection_set| {
            let mut second = first.clone();
            match &mut second {
                Value::Object(fields) if random.percent(70) => alter_slightly(random, &mut fields[0].1),
                other => alter_slightly(random, other),
            }
            selection_set.selections.extend([field(&first), field(&second)]);
        },
    )
}

/// Changes a value slightly, or not at all.
fn alter_slightly(random: &mut Random, value: &mut Value) {
    match value {
        Value::List(items) if !items.is_empty() => match random.below(3) {
            0 => {
                items.pop();
            }
            1 => {
                let item = items[0].clone();
                items.push(item);
            }
            _ => items.reverse(),
        },
        Value::Object(fields) if !fields.is_empty() => match random.below(4) {
            0 => {
                fields.pop();
            }
            1 => {
                let index = random.below(fields.len());
                alter_slightly(random, &mut fields[index].1);
            }
            _ => fields.reverse(),
        },
        Value::Literal(text) if text.parse::<i32>().is_ok() => text.push('1'),
        Value::Literal(text) if text == "\"abc\"" => "\"\\u0061bc\"".clone_into(text),
        _ => *value = Value::literal("null"),
    }
}

pub fn toggle_field_selections(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let add_selections = generator.random.percent(50);
    document.mutate_random_field(
        &mut generator.random,
        |field| field.selection_set.is_none() == add_selections,
        |random, field| {
            field.selection_set = add_selections.then(|| SelectionSet {
                ty: "Gig".to_owned(),
                selections: vec![Selection::field(random.pick::<&str>(&["id", "__typename", "name"]))],
            });
        },
    )
}
