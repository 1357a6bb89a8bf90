//! Visits everything that an operation selects.

use std::collections::HashSet;

use apollo_compiler::ExecutableDocument;
use apollo_compiler::ast::DirectiveList;
use apollo_compiler::executable::{Field, Operation, Selection, SelectionSet};

/// What is visited.
pub(super) enum WalkItem<'a> {
    Field(&'a Field),
    Directives(&'a DirectiveList),
}

/// Visits each field and each list of directives of an operation and of the fragments that it uses. Each
/// fragment is visited once.
pub(super) fn walk<'a>(
    document: &'a ExecutableDocument,
    operation: &'a Operation,
    visit: &mut impl FnMut(WalkItem<'a>),
) {
    visit(WalkItem::Directives(&operation.directives));
    let mut walker = Walker { pending_fragments: Vec::new(), seen_fragments: HashSet::new(), visit };
    walker.selections(&operation.selection_set);
    // Fragments are visited one after the other, without recursion: a long chain must not overflow the stack.
    while let Some(name) = walker.pending_fragments.pop() {
        if let Some(fragment) = document.fragments.get(name) {
            (walker.visit)(WalkItem::Directives(&fragment.directives));
            walker.selections(&fragment.selection_set);
        }
    }
}

struct Walker<'a, 'f, F> {
    pending_fragments: Vec<&'a str>,
    seen_fragments: HashSet<&'a str>,
    visit: &'f mut F,
}

impl<'a, F: FnMut(WalkItem<'a>)> Walker<'a, '_, F> {
    fn selections(&mut self, set: &'a SelectionSet) {
        for selection in &set.selections {
            (self.visit)(WalkItem::Directives(selection.directives()));
            match selection {
                Selection::Field(field) => {
                    (self.visit)(WalkItem::Field(field));
                    self.selections(&field.selection_set);
                }
                Selection::InlineFragment(inline) => self.selections(&inline.selection_set),
                Selection::FragmentSpread(spread) => {
                    if self.seen_fragments.insert(&spread.fragment_name) {
                        self.pending_fragments.push(&spread.fragment_name);
                    }
                }
            }
        }
    }
}
