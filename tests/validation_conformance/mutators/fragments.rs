//! Mutators for the rules on fragments and directives.

use super::operations::{fragment, inline_fragment};
use crate::document::{Directive, Document, Field, Selection, Value};
use crate::generate::Generator;

pub fn duplicate_fragment(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let Some(first) = document.fragments.first().cloned() else { return false };
    let mut copy = first.clone();
    if generator.random.percent(20) {
        copy.name = copy.name.to_lowercase();
        document.operations[0].selection_set.selections.push(Selection::fragment_spread(&copy.name));
    }
    document.fragments.push(copy);
    true
}

pub fn add_unknown_type(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let name = (*generator.random.pick(&["Nope", "gig", "GIG", "Query_", "__Nope"])).to_owned();
    match generator.random.below(3) {
        0 => document.mutate_random_selection_set(
            &mut generator.random,
            |_| true,
            |_, selection_set| {
                selection_set.selections.push(inline_fragment(&name, vec![Selection::field("__typename")]));
            },
        ),
        1 if !document.fragments.is_empty() => {
            let index = generator.random.below(document.fragments.len());
            document.fragments[index].selection_set.ty = name;
            true
        }
        _ => {
            let Some(variable) = document.operations[0].variables.first_mut() else { return false };
            variable.ty = format!("[{name}!]");
            true
        }
    }
}

pub fn change_type_condition(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let schema = generator.schema;
    let kinds = [&schema.leaf_types, &schema.input_objects, &schema.composite_types];
    let kind = *generator.random.pick(&kinds);
    let ty = generator.random.pick(kind).clone();
    if generator.random.percent(40) && !document.fragments.is_empty() {
        let index = generator.random.below(document.fragments.len());
        document.fragments[index].selection_set.ty = ty;
        return true;
    }
    document.mutate_random_selection_set(
        &mut generator.random,
        |_| true,
        |_, selection_set| {
            selection_set.selections.push(inline_fragment(&ty, vec![Selection::field("__typename")]));
        },
    )
}

pub fn add_unused_fragment(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let ty = generator.random.pick(&generator.schema.object_types).clone();
    let mut selections = vec![Selection::field("__typename")];
    match generator.random.below(4) {
        0 => document.operations[0]
            .selection_set
            .selections
            .push(inline_fragment("Query", vec![Selection::fragment_spread("Unused")])),
        1 => {
            selections.push(Selection::fragment_spread("Within"));
            document.fragments.push(fragment("Within", &ty, vec![Selection::field("__typename")]));
        }
        _ => {}
    }
    document.fragments.push(fragment("Unused", &ty, selections));
    true
}

pub fn undefine_fragment(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    if generator.random.percent(50) && !document.fragments.is_empty() {
        let index = generator.random.below(document.fragments.len());
        document.fragments.remove(index);
        return true;
    }
    let existing = document.fragments.first().map_or("Nope", |fragment| fragment.name.as_str());
    let name = generator.random.pick(&["Nope", "F", existing]).to_owned().to_owned();
    document.mutate_random_selection_set(
        &mut generator.random,
        |_| true,
        |_, selection_set| selection_set.selections.push(Selection::fragment_spread(&name)),
    )
}

pub fn add_fragment_cycle(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    if document.fragments.is_empty() {
        return false;
    }
    let from = generator.random.below(document.fragments.len());
    let to = generator.random.below(document.fragments.len());
    let name = document.fragments[to].name.clone();
    let ty = document.fragments[to].selection_set.ty.clone();
    let fragment_spread = Selection::fragment_spread(&name);
    let fragment_spread = if generator.random.percent(20) {
        inline_fragment(&ty, vec![fragment_spread])
    } else {
        fragment_spread
    };
    let in_nested_field = generator.random.percent(50);
    let selections = &mut document.fragments[from].selection_set.selections;
    let nested = selections
        .iter()
        .position(|selection| matches!(selection, Selection::Field(Field { selection_set: Some(_), .. })));
    match nested.filter(|_| in_nested_field).map(|index| &mut selections[index]) {
        Some(Selection::Field(Field { selection_set: Some(selection_set), .. })) => {
            selection_set.selections.push(fragment_spread);
        }
        _ => selections.push(fragment_spread),
    }
    true
}

pub fn spread_on_other_type(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let ty = generator.random.pick(&generator.schema.composite_types).clone();
    let is_named = generator.random.percent(40);
    let selections = vec![Selection::field("__typename")];
    if is_named {
        document.fragments.push(fragment("Spread", &ty, selections.clone()));
    }
    document.mutate_random_selection_set(
        &mut generator.random,
        |selection_set| selection_set.ty != "Subscription",
        |_, selection_set| {
            selection_set.selections.push(if is_named {
                Selection::fragment_spread("Spread")
            } else {
                inline_fragment(&ty, selections)
            });
        },
    )
}

pub fn add_directive(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let always = || Value::literal("true");
    let directive = match generator.random.below(7) {
        0 => Directive { name: "nope".to_owned(), arguments: Vec::new() },
        1 => Directive { name: "deprecated".to_owned(), arguments: Vec::new() },
        2 => Directive {
            name: "specifiedBy".to_owned(),
            arguments: vec![("url".to_owned(), Value::literal("\"x\""))],
        },
        3 => Directive::condition("Skip", always()),
        4 => Directive::condition("include", always()),
        _ => Directive::condition("skip", Value::literal("false")),
    };
    match generator.random.below(6) {
        0 => document.operations[0].directives.push(directive),
        1 if !document.fragments.is_empty() => document.fragments[0].directives.push(directive),
        2 if !document.operations[0].variables.is_empty() => {
            document.operations[0].variables[0].directives.push(directive);
        }
        _ => return add_directive_to_selection(generator, document, directive),
    }
    true
}

pub fn duplicate_directive(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let name = *generator.random.pick(&["skip", "include"]);
    let other = *generator.random.pick(&["skip", "include", name]);
    let condition = Value::literal(*generator.random.pick(&["true", "false"]));
    document.mutate_random_selection_set(
        &mut generator.random,
        |selection_set| selection_set.ty != "Subscription",
        |random, selection_set| {
            let index = random.below(selection_set.selections.len());
            let directives = selection_set.selections[index].directives();
            directives.push(Directive::condition(name, condition));
            directives.push(Directive::condition(other, Value::literal("false")));
        },
    )
}

fn add_directive_to_selection(
    generator: &mut Generator<'_>,
    document: &mut Document,
    directive: Directive,
) -> bool {
    document.mutate_random_selection_set(
        &mut generator.random,
        |_| true,
        |random, selection_set| {
            let index = random.below(selection_set.selections.len());
            selection_set.selections[index].directives().push(directive);
        },
    )
}
