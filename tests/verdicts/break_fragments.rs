//! Changes that break, or nearly break, the rules on fragments and directives.

use crate::break_structure::{fragment, inline};
use crate::document::{Directive, Document, Field, Selection, Value};
use crate::generate::Generator;

pub fn fragment_names(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let Some(first) = document.fragments.first().cloned() else { return false };
    let mut copy = first.clone();
    if generator.random.percent(20) {
        copy.name = copy.name.to_lowercase();
        document.operations[0].set.selections.push(Selection::spread(&copy.name));
    }
    document.fragments.push(copy);
    true
}

pub fn type_names(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let name = (*generator.random.pick(&["Nope", "gig", "GIG", "Query_", "__Nope"])).to_owned();
    match generator.random.below(3) {
        0 => document.change_set(
            &mut generator.random,
            |_| true,
            |_, set| {
                set.selections.push(inline(&name, vec![Selection::field("__typename")]));
            },
        ),
        1 if !document.fragments.is_empty() => {
            let at = generator.random.below(document.fragments.len());
            document.fragments[at].set.ty = name;
            true
        }
        _ => {
            let Some(variable) = document.operations[0].variables.first_mut() else { return false };
            variable.ty = format!("[{name}!]");
            true
        }
    }
}

pub fn composite_fragments(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let catalog = generator.catalog;
    let kinds = [&catalog.leaves, &catalog.inputs, &catalog.composite];
    let kind = *generator.random.pick(&kinds);
    let ty = generator.random.pick(kind).clone();
    if generator.random.percent(40) && !document.fragments.is_empty() {
        let at = generator.random.below(document.fragments.len());
        document.fragments[at].set.ty = ty;
        return true;
    }
    document.change_set(
        &mut generator.random,
        |_| true,
        |_, set| {
            set.selections.push(inline(&ty, vec![Selection::field("__typename")]));
        },
    )
}

pub fn fragments_used(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let ty = generator.random.pick(&generator.catalog.objects).clone();
    let mut selections = vec![Selection::field("__typename")];
    match generator.random.below(4) {
        0 => document.operations[0].set.selections.push(inline("Query", vec![Selection::spread("Unused")])),
        1 => {
            selections.push(Selection::spread("Within"));
            document.fragments.push(fragment("Within", &ty, vec![Selection::field("__typename")]));
        }
        _ => {}
    }
    document.fragments.push(fragment("Unused", &ty, selections));
    true
}

pub fn fragments_defined(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    if generator.random.percent(50) && !document.fragments.is_empty() {
        let at = generator.random.below(document.fragments.len());
        document.fragments.remove(at);
        return true;
    }
    let known = document.fragments.first().map_or("Nope", |it| it.name.as_str());
    let name = generator.random.pick(&["Nope", "F", known]).to_owned().to_owned();
    document.change_set(
        &mut generator.random,
        |_| true,
        |_, set| set.selections.push(Selection::spread(&name)),
    )
}

pub fn fragment_cycles(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    if document.fragments.is_empty() {
        return false;
    }
    let from = generator.random.below(document.fragments.len());
    let to = generator.random.below(document.fragments.len());
    let name = document.fragments[to].name.clone();
    let ty = document.fragments[to].set.ty.clone();
    let spread = Selection::spread(&name);
    let spread = if generator.random.percent(20) { inline(&ty, vec![spread]) } else { spread };
    let within = generator.random.percent(50);
    let selections = &mut document.fragments[from].set.selections;
    let inner = selections.iter().position(|it| matches!(it, Selection::Field(Field { set: Some(_), .. })));
    match inner.filter(|_| within).map(|at| &mut selections[at]) {
        Some(Selection::Field(Field { set: Some(set), .. })) => set.selections.push(spread),
        _ => selections.push(spread),
    }
    true
}

pub fn possible_spreads(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let ty = generator.random.pick(&generator.catalog.composite).clone();
    let named = generator.random.percent(40);
    let selections = vec![Selection::field("__typename")];
    if named {
        document.fragments.push(fragment("Spread", &ty, selections.clone()));
    }
    document.change_set(
        &mut generator.random,
        |set| set.ty != "Subscription",
        |_, set| {
            set.selections.push(if named { Selection::spread("Spread") } else { inline(&ty, selections) });
        },
    )
}

pub fn directives(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let truth = || Value::literal("true");
    let directive = match generator.random.below(7) {
        0 => Directive { name: "nope".to_owned(), arguments: Vec::new() },
        1 => Directive { name: "deprecated".to_owned(), arguments: Vec::new() },
        2 => Directive {
            name: "specifiedBy".to_owned(),
            arguments: vec![("url".to_owned(), Value::literal("\"x\""))],
        },
        3 => Directive::condition("Skip", truth()),
        4 => Directive::condition("include", truth()),
        _ => Directive::condition("skip", Value::literal("false")),
    };
    match generator.random.below(6) {
        0 => document.operations[0].directives.push(directive),
        1 if !document.fragments.is_empty() => document.fragments[0].directives.push(directive),
        2 if !document.operations[0].variables.is_empty() => {
            document.operations[0].variables[0].directives.push(directive);
        }
        _ => return on_selection(generator, document, directive),
    }
    true
}

pub fn directives_once(generator: &mut Generator<'_>, document: &mut Document) -> bool {
    let name = *generator.random.pick(&["skip", "include"]);
    let other = *generator.random.pick(&["skip", "include", name]);
    let condition = Value::literal(*generator.random.pick(&["true", "false"]));
    document.change_set(
        &mut generator.random,
        |set| set.ty != "Subscription",
        |random, set| {
            let at = random.below(set.selections.len());
            let directives = set.selections[at].directives();
            directives.push(Directive::condition(name, condition));
            directives.push(Directive::condition(other, Value::literal("false")));
        },
    )
}

fn on_selection(generator: &mut Generator<'_>, document: &mut Document, directive: Directive) -> bool {
    document.change_set(
        &mut generator.random,
        |_| true,
        |random, set| {
            let at = random.below(set.selections.len());
            set.selections[at].directives().push(directive);
        },
    )
}
