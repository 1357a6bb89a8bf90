//! Limits of the shape of a document: its depth, and the number of its selections, aliases and directives.
//!
//! The content of a fragment counts at each spread, since it is executed there, but it is visited only once.
//! For example, twenty fragments that each spread the next one twice are a million selections, but only
//! twenty visits.

use std::collections::HashMap;

use async_graphql::parser::types::{
    Directive, ExecutableDocument, FragmentDefinition, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Pos, Positioned, ServerError};

use crate::config::OperationLimits;
use crate::engine::limits::{LimitExceeded, limit_error};

/// The deepest nesting of fields and fragments. Everything that walks a document recurses at each level.
const NESTING_MAX: usize = 100;

/// The lists of the introspection types.
const INTROSPECTION_LISTS: [&str; 8] =
    ["types", "directives", "fields", "args", "inputFields", "interfaces", "possibleTypes", "enumValues"];

/// Checks all operations and fragments of a document.
///
/// # Errors
/// QUERY_TOO_COMPLEX at the first limit that is exceeded.
pub fn check(document: &ExecutableDocument, limits: &OperationLimits) -> Result<(), ServerError> {
    let mut visitor = ShapeVisitor { document, limits, fragments: HashMap::new(), nesting: 0 };
    let mut selections = 0_usize;
    for (_, operation) in document.operations.iter() {
        let directives = Shape::of_directives(&operation.node.directives);
        let shape = visitor.selection_set(&operation.node.selection_set.node, false)?.with(&directives);
        shape.check(limits, operation.pos)?;
        // The limit applies to the sum of all operations, since validation visits all of them, with their
        // fragments, and not only the one that is executed.
        selections = selections.saturating_add(shape.selections);
        Shape { selections, ..Shape::default() }.check(limits, operation.pos)?;
    }
    // Unused fragments, too: validation rejects them only after it has visited them.
    for (name, fragment) in &document.fragments {
        visitor.fragment(name, fragment, false)?;
    }
    Ok(())
}

/// The names of the root fields of an operation, one for each time that a field is selected.
///
/// # Errors
/// QUERY_TOO_COMPLEX if there are too many.
pub fn root_fields(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    limits: &OperationLimits,
) -> Result<Vec<String>, ServerError> {
    let mut fields = Vec::new();
    // This and `NESTING_MAX` bound the recursion, whatever the document is.
    let mut remaining = limits.selections;
    collect_fields(&operation.selection_set.node, document, NESTING_MAX, &mut remaining, &mut fields);
    match fields.get(limits.root_fields) {
        Some(_) => {
            let max = limits.root_fields;
            let message = format!("An operation may have at most {max} root fields.");
            Err(limit_error(LimitExceeded::RootFields, max, message, Some(operation.selection_set.pos)))
        }
        None => Ok(fields),
    }
}

/// Collects the names of the fields of a selection set and of the fragments in it, up to `remaining`
/// selections.
fn collect_fields(
    set: &SelectionSet,
    document: &ExecutableDocument,
    max_nesting: usize,
    remaining: &mut usize,
    fields: &mut Vec<String>,
) {
    for selection in &set.items {
        if *remaining == 0 || max_nesting == 0 {
            return;
        }
        *remaining -= 1;
        match &selection.node {
            Selection::Field(field) => fields.push(field.node.name.node.to_string()),
            Selection::InlineFragment(fragment) => {
                let set = &fragment.node.selection_set.node;
                collect_fields(set, document, max_nesting - 1, remaining, fields);
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    let set = &fragment.node.selection_set.node;
                    collect_fields(set, document, max_nesting - 1, remaining, fields);
                }
            }
        }
    }
}

/// The shape of a selection set.
#[derive(Debug, Default, Clone, Copy)]
struct Shape {
    selections: usize,
    aliases: usize,
    directives: usize,
    depth: usize,
    /// The nesting of lists of introspection types.
    introspection_lists: usize,
    /// Levels of nested fields and fragments.
    nesting: usize,
}

impl Shape {
    fn of_directives(directives: &[Positioned<Directive>]) -> Self {
        Self { directives: directives.len(), ..Self::default() }
    }

    /// The shape of a selection set that contains both.
    fn with(self, other: &Self) -> Self {
        Self {
            selections: self.selections.saturating_add(other.selections),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
            depth: self.depth.max(other.depth),
            introspection_lists: self.introspection_lists.max(other.introspection_lists),
            nesting: self.nesting.max(other.nesting),
        }
    }

    /// Checks the shape of an operation, or of a part of one.
    ///
    /// # Errors
    /// QUERY_TOO_COMPLEX at the first limit that is exceeded.
    fn check(&self, limits: &OperationLimits, pos: Pos) -> Result<(), ServerError> {
        let checks = [
            (LimitExceeded::Selections, self.selections, limits.selections, "fields and fragments"),
            (LimitExceeded::Aliases, self.aliases, limits.aliases, "aliases"),
            (LimitExceeded::Directives, self.directives, limits.directives, "directives"),
            (LimitExceeded::Depth, self.depth, limits.depth, "levels of nested fields"),
            (
                LimitExceeded::IntrospectionLists,
                self.introspection_lists,
                limits.introspection_lists,
                "nested lists of introspection",
            ),
        ];
        match checks.into_iter().find(|(_, count, max, _)| count > max) {
            Some((limit, _, max, counted)) => {
                let message = format!(
                    "An operation may have at most {max} {counted}; those in a fragment count at each use."
                );
                Err(limit_error(limit, max, message, Some(pos)))
            }
            None => Ok(()),
        }
    }
}

struct ShapeVisitor<'a> {
    document: &'a ExecutableDocument,
    limits: &'a OperationLimits,
    /// The shapes of fragments, by name and whether the spread is inside `__schema` or `__type`.
    fragments: HashMap<(&'a Name, bool), Shape>,
    /// The number of fields and fragments that the visitor is inside.
    nesting: usize,
}

impl<'a> ShapeVisitor<'a> {
    fn selection_set(&mut self, set: &'a SelectionSet, in_introspection: bool) -> Result<Shape, ServerError> {
        set.items.iter().try_fold(Shape::default(), |sum, selection| {
            self.nesting += 1;
            self.check_nesting(0, selection.pos)?;
            let mut shape = self.selection(selection, in_introspection)?;
            shape.nesting += 1;
            self.nesting -= 1;
            let sum = sum.with(&shape);
            // Stops at the first selection beyond a limit.
            sum.check(self.limits, selection.pos)?;
            Ok(sum)
        })
    }

    /// Checks the number of fields and fragments that the visitor is inside, plus `inner` levels below.
    ///
    /// # Errors
    /// QUERY_TOO_COMPLEX if there are too many.
    fn check_nesting(&self, inner: usize, pos: Pos) -> Result<(), ServerError> {
        if self.nesting + inner <= NESTING_MAX {
            return Ok(());
        }
        let message = format!("Fields and fragments may be nested at most {NESTING_MAX} levels deep.");
        Err(limit_error(LimitExceeded::Depth, NESTING_MAX, message, Some(pos)))
    }

    fn selection(
        &mut self,
        selection: &'a Positioned<Selection>,
        in_introspection: bool,
    ) -> Result<Shape, ServerError> {
        let one = Shape { selections: 1, ..Shape::default() };
        match &selection.node {
            Selection::Field(field) => {
                let field = &field.node;
                let name = field.name.node.as_str();
                let is_list = in_introspection && INTROSPECTION_LISTS.contains(&name);
                let in_introspection = in_introspection || matches!(name, "__schema" | "__type");
                let inner = self.selection_set(&field.selection_set.node, in_introspection)?;
                let own = Shape {
                    aliases: usize::from(field.alias.is_some()),
                    depth: inner.depth + 1,
                    introspection_lists: inner.introspection_lists + usize::from(is_list),
                    ..one
                };
                Ok(inner.with(&own).with(&Shape::of_directives(&field.directives)))
            }
            Selection::InlineFragment(fragment) => {
                let inner = self.selection_set(&fragment.node.selection_set.node, in_introspection)?;
                Ok(inner.with(&one).with(&Shape::of_directives(&fragment.node.directives)))
            }
            Selection::FragmentSpread(spread) => {
                let own = one.with(&Shape::of_directives(&spread.node.directives));
                let fragment = self.document.fragments.get_key_value(&spread.node.fragment_name.node);
                match fragment {
                    Some((name, fragment)) => Ok(self.fragment(name, fragment, in_introspection)?.with(&own)),
                    None => Ok(own),
                }
            }
        }
    }

    fn fragment(
        &mut self,
        name: &'a Name,
        fragment: &'a Positioned<FragmentDefinition>,
        in_introspection: bool,
    ) -> Result<Shape, ServerError> {
        if let Some(shape) = self.fragments.get(&(name, in_introspection)) {
            // This spread of the fragment may be at a deeper level than the one that was visited.
            self.check_nesting(shape.nesting, fragment.pos)?;
            return Ok(*shape);
        }
        // Ends the recursion of a fragment that spreads itself, which validation rejects.
        self.fragments.insert((name, in_introspection), Shape::default());
        let directives = Shape::of_directives(&fragment.node.directives);
        let shape =
            self.selection_set(&fragment.node.selection_set.node, in_introspection)?.with(&directives);
        self.fragments.insert((name, in_introspection), shape);
        Ok(shape)
    }
}
