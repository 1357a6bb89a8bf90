//! The shape of a document: how deep, how many of what.
//!
//! Sums and depths are of what would be executed, so whatever stands in a fragment counts wherever it is spread; but
//! each fragment is looked at once. Twenty fragments that each spread the next one twice are a million selections, and
//! twenty looks.

use std::collections::HashMap;

use async_graphql::parser::types::{
    Directive, ExecutableDocument, FragmentDefinition, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Pos, Positioned, ServerError};

use crate::config::OperationLimits;
use crate::engine::limits::{LimitExceeded, exceeded};

/// The most fields and fragments inside one another: whoever walks a document goes one call deeper at each.
const LEVELS_MAX: usize = 100;

/// The lists of the introspection types.
const INTROSPECTION_LISTS: [&str; 8] =
    ["types", "directives", "fields", "args", "inputFields", "interfaces", "possibleTypes", "enumValues"];

/// Looks at every operation of the document.
///
/// # Errors
/// QUERY_TOO_COMPLEX.
pub fn check(document: &ExecutableDocument, limits: &OperationLimits) -> Result<(), ServerError> {
    let mut walk = ShapeVisitor { document, limits, known: HashMap::new(), level: 0 };
    for (_, operation) in document.operations.iter() {
        let directives = Shape::of_directives(&operation.node.directives);
        let shape = walk.of_set(&operation.node.selection_set.node, false)?.with(&directives);
        shape.check(limits, operation.pos)?;
    }
    // One that is spread nowhere is refused by validation, which looks at it first.
    for (name, fragment) in &document.fragments {
        walk.of_fragment(name, fragment, false)?;
    }
    Ok(())
}

/// The names of the fields that the operation itself has, as often as it has them.
///
/// # Errors
/// QUERY_TOO_COMPLEX.
pub fn root_fields(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    limits: &OperationLimits,
) -> Result<Vec<String>, ServerError> {
    let mut fields = Vec::new();
    // What spreads itself ends with the limit, and is told by validation otherwise.
    let mut left = limits.selections;
    gather(&operation.selection_set.node, document, LEVELS_MAX, &mut left, &mut fields);
    match fields.get(limits.root_fields) {
        Some(_) => {
            let most = limits.root_fields;
            let message = format!("The operation itself may have at most {most} fields.");
            Err(exceeded(LimitExceeded::RootFields, most, message, Some(operation.selection_set.pos)))
        }
        None => Ok(fields),
    }
}

fn gather(
    set: &SelectionSet,
    document: &ExecutableDocument,
    levels: usize,
    left: &mut usize,
    fields: &mut Vec<String>,
) {
    for selection in &set.items {
        if *left == 0 || levels == 0 {
            return;
        }
        *left -= 1;
        match &selection.node {
            Selection::Field(field) => fields.push(field.node.name.node.to_string()),
            Selection::InlineFragment(fragment) => {
                gather(&fragment.node.selection_set.node, document, levels - 1, left, fields);
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    gather(&fragment.node.selection_set.node, document, levels - 1, left, fields);
                }
            }
        }
    }
}

/// What there is of a selection set.
#[derive(Debug, Default, Clone, Copy)]
struct Shape {
    selections: usize,
    aliases: usize,
    directives: usize,
    depth: usize,
    introspection_lists: usize,
    /// Fields and fragments inside one another.
    levels: usize,
}

impl Shape {
    fn of_directives(directives: &[Positioned<Directive>]) -> Self {
        Self { directives: directives.len(), ..Self::default() }
    }

    /// Both beside each other.
    fn with(self, other: &Self) -> Self {
        Self {
            selections: self.selections.saturating_add(other.selections),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
            depth: self.depth.max(other.depth),
            introspection_lists: self.introspection_lists.max(other.introspection_lists),
            levels: self.levels.max(other.levels),
        }
    }

    /// # Errors
    /// QUERY_TOO_COMPLEX.
    fn check(&self, limits: &OperationLimits, at: Pos) -> Result<(), ServerError> {
        let counted = [
            (LimitExceeded::Selections, self.selections, limits.selections, "fields and fragments"),
            (LimitExceeded::Aliases, self.aliases, limits.aliases, "aliases"),
            (LimitExceeded::Directives, self.directives, limits.directives, "directives"),
            (LimitExceeded::Depth, self.depth, limits.depth, "levels of fields"),
            (
                LimitExceeded::IntrospectionLists,
                self.introspection_lists,
                limits.introspection_lists,
                "lists inside one another of an introspection",
            ),
        ];
        match counted.into_iter().find(|(_, count, most, _)| count > most) {
            Some((limit, _, most, what)) => {
                let message = format!(
                    "An operation may have at most {most} {what}, those of a fragment counted at each use."
                );
                Err(exceeded(limit, most, message, Some(at)))
            }
            None => Ok(()),
        }
    }
}

struct ShapeVisitor<'a> {
    document: &'a ExecutableDocument,
    limits: &'a OperationLimits,
    /// By fragment, and whether it is spread in an introspection.
    known: HashMap<(&'a Name, bool), Shape>,
    /// How many fields and fragments it is inside.
    level: usize,
}

impl<'a> ShapeVisitor<'a> {
    fn of_set(&mut self, set: &'a SelectionSet, introspects: bool) -> Result<Shape, ServerError> {
        set.items.iter().try_fold(Shape::default(), |sum, selection| {
            self.level += 1;
            self.check_level(0, selection.pos)?;
            let shape = self.of_selection(selection, introspects)?;
            self.level -= 1;
            let shape = Shape { levels: shape.levels + 1, ..shape };
            let sum = sum.with(&shape);
            // Nothing is looked at beyond the first that is too much.
            sum.check(self.limits, selection.pos)?;
            Ok(sum)
        })
    }

    /// # Errors
    /// QUERY_TOO_COMPLEX where so many more levels are too many.
    fn check_level(&self, more: usize, at: Pos) -> Result<(), ServerError> {
        if self.level + more <= LEVELS_MAX {
            return Ok(());
        }
        let message =
            format!("An operation may have at most {LEVELS_MAX} fields and fragments inside one another.");
        Err(exceeded(LimitExceeded::Depth, LEVELS_MAX, message, Some(at)))
    }

    fn of_selection(
        &mut self,
        selection: &'a Positioned<Selection>,
        introspects: bool,
    ) -> Result<Shape, ServerError> {
        let one = Shape { selections: 1, ..Shape::default() };
        match &selection.node {
            Selection::Field(field) => {
                let field = &field.node;
                let name = field.name.node.as_str();
                let is_list = introspects && INTROSPECTION_LISTS.contains(&name);
                let introspects = introspects || matches!(name, "__schema" | "__type");
                let inner = self.of_set(&field.selection_set.node, introspects)?;
                let own = Shape {
                    aliases: usize::from(field.alias.is_some()),
                    depth: inner.depth + 1,
                    introspection_lists: inner.introspection_lists + usize::from(is_list),
                    ..one
                };
                Ok(inner.with(&own).with(&Shape::of_directives(&field.directives)))
            }
            Selection::InlineFragment(fragment) => {
                let inner = self.of_set(&fragment.node.selection_set.node, introspects)?;
                Ok(inner.with(&one).with(&Shape::of_directives(&fragment.node.directives)))
            }
            Selection::FragmentSpread(spread) => {
                let own = one.with(&Shape::of_directives(&spread.node.directives));
                let fragment = self.document.fragments.get_key_value(&spread.node.fragment_name.node);
                match fragment {
                    Some((name, fragment)) => Ok(self.of_fragment(name, fragment, introspects)?.with(&own)),
                    None => Ok(own),
                }
            }
        }
    }

    fn of_fragment(
        &mut self,
        name: &'a Name,
        fragment: &'a Positioned<FragmentDefinition>,
        introspects: bool,
    ) -> Result<Shape, ServerError> {
        if let Some(shape) = self.known.get(&(name, introspects)) {
            return Ok(*shape);
        }
        // One that spreads itself, which validation refuses, finds this.
        self.known.insert((name, introspects), Shape::default());
        let directives = Shape::of_directives(&fragment.node.directives);
        let shape = self.of_set(&fragment.node.selection_set.node, introspects)?.with(&directives);
        self.known.insert((name, introspects), shape);
        Ok(shape)
    }
}
