//! Walks everything that an operation selects.

use std::collections::HashSet;

use apollo_compiler::ExecutableDocument;
use apollo_compiler::ast::DirectiveList;
use apollo_compiler::executable::{Field, Operation, Selection, SelectionSet};

/// What a walk comes by.
pub(super) enum Stop<'a> {
    Field(&'a Field),
    Directives(&'a DirectiveList),
}

/// Shows each field and each list of directives of an operation, those of the fragments that it uses once each.
pub(super) fn walk<'a>(
    document: &'a ExecutableDocument,
    operation: &'a Operation,
    show: &mut impl FnMut(Stop<'a>),
) {
    show(Stop::Directives(&operation.directives));
    let mut walker = Walker { pending: Vec::new(), seen: HashSet::new(), show };
    walker.selections(&operation.selection_set);
    // One fragment after the other, not one within the other: a long chain of them must not need a large stack.
    while let Some(name) = walker.pending.pop() {
        if let Some(fragment) = document.fragments.get(name) {
            (walker.show)(Stop::Directives(&fragment.directives));
            walker.selections(&fragment.selection_set);
        }
    }
}

struct Walker<'a, 'f, F> {
    pending: Vec<&'a str>,
    seen: HashSet<&'a str>,
    show: &'f mut F,
}

impl<'a, F: FnMut(Stop<'a>)> Walker<'a, '_, F> {
    fn selections(&mut self, set: &'a SelectionSet) {
        for selection in &set.selections {
            (self.show)(Stop::Directives(selection.directives()));
            match selection {
                Selection::Field(field) => {
                    (self.show)(Stop::Field(field));
                    self.selections(&field.selection_set);
                }
                Selection::InlineFragment(inline) => self.selections(&inline.selection_set),
                Selection::FragmentSpread(spread) => {
                    if self.seen.insert(&spread.fragment_name) {
                        self.pending.push(&spread.fragment_name);
                    }
                }
            }
        }
    }
}
