//! Changes that break, or nearly break, the rules on operations and fields.
//!
//! Each says whether it found a place. Some of what each does is legal, so that what is right next to a mistake is
//! compared as well.

use crate::document::{Directive, Document, Field, Fragment, Operation, Selection, Set, Value};
use crate::generate::Generator;

/// A field without arguments or fields, such as every set of that root may have.
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
        set: Set { ty: root.to_owned(), selections: vec![leaf_of(root)] },
    }
}

pub fn fragment(name: &str, ty: &str, selections: Vec<Selection>) -> Fragment {
    Fragment { name: name.to_owned(), directives: Vec::new(), set: Set { ty: ty.to_owned(), selections } }
}

pub fn inline(ty: &str, selections: Vec<Selection>) -> Selection {
    Selection::Inline { on: true, directives: Vec::new(), set: Set { ty: ty.to_owned(), selections } }
}

pub fn executable_definitions(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let rests = [
        "type Extra { a: Int }",
        "extend type Gig { b: Int }",
        "schema { query: Query }",
        "scalar Extra",
        "directive @extra on FIELD",
        "# type Extra { a: Int }",
        "enum E { A } input I { a: Int }",
    ];
    document.rest.push_str(generator.random.pick::<&str>(&rests));
    true
}

pub fn operation_names(generator: &mut Generator<'_>, document: &mut Document) -> bool {
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

pub fn lone_anonymous_operation(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    match generator.random.below(4) {
        0 => document.operations.truncate(1),
        1 => {
            let at = generator.random.below(document.operations.len() + 1);
            document.operations.insert(at, operation("query", None));
            return true;
        }
        2 => document.operations.push(operation("mutation", None)),
        _ => document.operations.push(operation("query", Some("Another"))),
    }
    document.operations[0].name = None;
    true
}

pub fn single_root_field(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let Some(Selection::Field(root)) = document.operations[0].set.selections.first().cloned() else {
        return false;
    };
    let mut second = match generator.random.below(6) {
        0 => Field::new("__typename"),
        1 => Field { alias: Some("other".to_owned()), ..root.clone() },
        2 => Field {
            set: Some(Set {
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
            document.operations[0].variables.push(crate::document::Variable {
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
                document.operations[0].set.selections.push(Selection::spread("Root"));
            }
            Selection::spread("Root")
        }
        1 => inline("Subscription", vec![Selection::Field(second)]),
        _ => Selection::Field(second),
    };
    let selections = &mut document.operations[0].set.selections;
    if generator.random.percent(30) {
        selections.clear();
    }
    selections.push(selection);
    true
}

pub fn field_names(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let fields = &generator.catalog.fields;
    if generator.random.percent(30) {
        let name = match generator.random.below(4) {
            0 => "__typename".to_owned(),
            1 => "__schema".to_owned(),
            2 => "nope".to_owned(),
            _ => generator.random.pick(fields).clone(),
        };
        let on_root = generator.random.percent(20);
        return document.change_set(
            &mut generator.random,
            |set| !on_root || set.ty == "Query",
            |_, set| {
                let mut field = Field::new(&name);
                if name == "__schema" {
                    let types = Selection::Field(Field {
                        set: Some(Set {
                            ty: "__Type".to_owned(),
                            selections: vec![Selection::field("name")],
                        }),
                        ..Field::new("types")
                    });
                    field.set = Some(Set { ty: "__Schema".to_owned(), selections: vec![types] });
                }
                set.selections.push(Selection::Field(field));
            },
        );
    }
    document.change_field(
        &mut generator.random,
        |_| true,
        |random, field| {
            field.name = match random.below(4) {
                0 => format!("{}s", field.name),
                1 => field.name.to_uppercase(),
                _ => random.pick(fields).clone(),
            };
        },
    )
}

pub fn field_merging(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let wrap = generator.random.below(4);
    let catalog = generator.catalog;
    match generator.random.below(8) {
        0 | 1 => return siblings(generator, document),
        2 => return lists(generator, document),
        _ => {}
    }
    let mut extra = None;
    let changed = document.change_set(
        &mut generator.random,
        |set| set.ty != "Subscription" && set.selections.iter().any(|it| matches!(it, Selection::Field(_))),
        |random, set| {
            let fields: Vec<_> = set
                .selections
                .iter()
                .filter_map(|it| if let Selection::Field(it) = it { Some(it) } else { None })
                .collect();
            let mut copy = (*random.pick(&fields)).clone();
            let response = copy.alias.clone().unwrap_or_else(|| copy.name.clone());
            match random.below(10) {
                0 => {}
                1 if !copy.arguments.is_empty() => {
                    copy.arguments.reverse();
                    let at = random.below(copy.arguments.len());
                    nearly(random, &mut copy.arguments[at].1);
                }
                2 if !copy.arguments.is_empty() => {
                    copy.arguments.pop();
                }
                3 => copy.arguments.reverse(),
                4 => {
                    copy.set = copy
                        .set
                        .map(|inner| Set { selections: vec![Selection::field("__typename")], ..inner });
                }
                _ => {
                    let all = catalog.fields_of(&set.ty);
                    let leaves: Vec<_> =
                        all.iter().filter(|it| !catalog.is_composite(it.ty.inner_named_type())).collect();
                    if !leaves.is_empty() {
                        copy = Field::new(&random.pick(&leaves).name);
                    }
                    copy.alias = Some(response);
                }
            }
            let copy = Selection::Field(copy);
            set.selections.push(match wrap {
                0 => inline(&set.ty, vec![copy]),
                1 => {
                    extra = Some(fragment("Merged", &set.ty, vec![copy]));
                    Selection::spread("Merged")
                }
                _ => copy,
            });
        },
    );
    document.fragments.extend(extra);
    changed
}

/// Fields of one name within fragments on different types.
fn siblings(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let catalog = generator.catalog;
    document.change_set(
        &mut generator.random,
        |set| catalog.applicable(&set.ty).len() > 1,
        |random, set| {
            let types = catalog.applicable(&set.ty);
            for _ in 0..2 {
                let ty = random.pick(&types);
                let fields = catalog.fields_of(ty);
                let plain: Vec<_> = fields.iter().filter(|it| it.arguments.is_empty()).collect();
                let Some(_) = plain.first() else { continue };
                let definition = random.pick(&plain);
                let inner = definition.ty.inner_named_type();
                let set_of =
                    |ty: &str| Set { ty: ty.to_owned(), selections: vec![Selection::field("__typename")] };
                let mut field = Field {
                    alias: Some("same".to_owned()),
                    set: catalog.is_composite(inner).then(|| set_of(inner)),
                    ..Field::new(&definition.name)
                };
                let leaves = catalog
                    .fields_of(inner)
                    .into_iter()
                    .find(|it| !catalog.is_composite(it.ty.inner_named_type()));
                if let (Some(inner), Some(leaf)) = (&mut field.set, leaves)
                    && random.percent(60)
                {
                    let alias = Some("deep".to_owned());
                    inner.selections.push(Selection::Field(Field { alias, ..Field::new(&leaf.name) }));
                }
                set.selections.push(inline(ty, vec![Selection::Field(field)]));
            }
        },
    )
}

/// The same field twice, with lists that differ a little or not at all.
fn lists(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let nested = generator.random.percent(50);
    let ty = crate::catalog::parse_type(if nested { "GigFilter!" } else { "[ID!]!" });
    let first = if nested {
        let tags = generator.typed_literal(&crate::catalog::parse_type("[String!]!"));
        Value::Object(vec![("tags".to_owned(), tags), ("seller".to_owned(), Value::literal("1"))])
    } else {
        generator.typed_literal(&ty)
    };
    let (name, argument) = if nested { ("gigs", "where") } else { ("nodes", "ids") };
    let field = |value: &Value| {
        Selection::Field(Field {
            arguments: vec![(argument.to_owned(), value.clone())],
            set: Some(Set { ty: String::new(), selections: vec![Selection::field("__typename")] }),
            ..Field::new(name)
        })
    };
    document.change_set(
        &mut generator.random,
        |set| set.ty == "Query",
        |random, set| {
            let mut second = first.clone();
            match &mut second {
                Value::Object(fields) if random.percent(70) => nearly(random, &mut fields[0].1),
                other => nearly(random, other),
            }
            set.selections.extend([field(&first), field(&second)]);
        },
    )
}

/// A value that differs a little, or not at all.
fn nearly(random: &mut crate::random::Random, value: &mut Value) {
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
                let at = random.below(fields.len());
                nearly(random, &mut fields[at].1);
            }
            _ => fields.reverse(),
        },
        Value::Literal(text) if text.parse::<i32>().is_ok() => text.push('1'),
        Value::Literal(text) if text == "\"abc\"" => "\"\\u0061bc\"".clone_into(text),
        _ => *value = Value::literal("null"),
    }
}

pub fn leaf_fields(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let select = generator.random.percent(50);
    document.change_field(
        &mut generator.random,
        |field| field.set.is_none() == select,
        |random, field| {
            field.set = select.then(|| Set {
                ty: "Gig".to_owned(),
                selections: vec![Selection::field(random.pick::<&str>(&["id", "__typename", "name"]))],
            });
        },
    )
}
