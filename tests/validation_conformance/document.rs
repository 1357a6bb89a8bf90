//! A GraphQL document as a tree, which can also hold invalid documents, and functions that mutate a random
//! node of it.

use crate::random::Random;

/// The arguments of a field or a directive, or the fields of an input object.
pub type NamedValues = Vec<(String, Value)>;

#[derive(Clone)]
pub struct Document {
    pub operations: Vec<Operation>,
    pub fragments: Vec<Fragment>,
    /// Text after the last fragment.
    pub trailing_text: String,
}

#[derive(Clone)]
pub struct Operation {
    pub kind: &'static str,
    pub name: Option<String>,
    pub variables: Vec<Variable>,
    pub directives: Vec<Directive>,
    pub selection_set: SelectionSet,
}

#[derive(Clone)]
pub struct Variable {
    pub name: String,
    pub ty: String,
    pub default: Option<Value>,
    pub directives: Vec<Directive>,
}

#[derive(Clone)]
pub struct Fragment {
    pub name: String,
    pub directives: Vec<Directive>,
    pub selection_set: SelectionSet,
}

#[derive(Clone)]
pub struct Directive {
    pub name: String,
    pub arguments: NamedValues,
}

#[derive(Clone)]
pub struct SelectionSet {
    /// The type that the selections are made on. For a fragment, it is also the type condition.
    pub ty: String,
    pub selections: Vec<Selection>,
}

#[derive(Clone)]
pub enum Selection {
    Field(Field),
    FragmentSpread { name: String, directives: Vec<Directive> },
    InlineFragment { has_type_condition: bool, directives: Vec<Directive>, selection_set: SelectionSet },
}

#[derive(Clone)]
pub struct Field {
    pub alias: Option<String>,
    pub name: String,
    pub arguments: NamedValues,
    pub directives: Vec<Directive>,
    /// `None` for leaf fields.
    pub selection_set: Option<SelectionSet>,
}

#[derive(Clone, PartialEq)]
pub enum Value {
    Variable(String),
    /// The source text of a literal.
    Literal(String),
    List(Vec<Value>),
    Object(NamedValues),
}

impl Field {
    pub fn new(name: &str) -> Self {
        Self {
            alias: None,
            name: name.to_owned(),
            arguments: Vec::new(),
            directives: Vec::new(),
            selection_set: None,
        }
    }
}

impl Selection {
    pub fn field(name: &str) -> Self {
        Self::Field(Field::new(name))
    }

    pub fn fragment_spread(name: &str) -> Self {
        Self::FragmentSpread { name: name.to_owned(), directives: Vec::new() }
    }

    pub fn directives(&mut self) -> &mut Vec<Directive> {
        match self {
            Self::Field(field) => &mut field.directives,
            Self::FragmentSpread { directives, .. } | Self::InlineFragment { directives, .. } => directives,
        }
    }
}

impl Directive {
    /// `@skip` or `@include`.
    pub fn condition(name: &str, condition: Value) -> Self {
        Self { name: name.to_owned(), arguments: vec![("if".to_owned(), condition)] }
    }
}

impl Value {
    pub fn literal(text: impl Into<String>) -> Self {
        Self::Literal(text.into())
    }
}

impl Document {
    /// Calls a function with each selection set, including nested ones.
    pub fn for_each_selection_set(&mut self, visit: &mut dyn FnMut(&mut SelectionSet)) {
        for operation in &mut self.operations {
            operation.selection_set.for_each(visit);
        }
        for fragment in &mut self.fragments {
            fragment.selection_set.for_each(visit);
        }
    }

    /// Calls a function with each field.
    pub fn for_each_field(&mut self, visit: &mut dyn FnMut(&mut Field)) {
        self.for_each_selection_set(&mut |selection_set| {
            for selection in &mut selection_set.selections {
                if let Selection::Field(field) = selection {
                    visit(field);
                }
            }
        });
    }

    /// Calls a function with the arguments of each field, and of each directive on a selection.
    pub fn for_each_arguments(&mut self, visit: &mut dyn FnMut(&mut NamedValues)) {
        self.for_each_selection_set(&mut |selection_set| {
            for selection in &mut selection_set.selections {
                for directive in selection.directives() {
                    visit(&mut directive.arguments);
                }
                if let Selection::Field(field) = selection {
                    visit(&mut field.arguments);
                }
            }
        });
    }

    /// Calls a function with each argument value and default value, including nested values.
    pub fn for_each_value(&mut self, visit: &mut dyn FnMut(&mut Value)) {
        self.for_each_arguments(&mut |arguments| {
            for (_, value) in arguments {
                value.for_each(visit);
            }
        });
        for operation in &mut self.operations {
            for default in operation.variables.iter_mut().filter_map(|variable| variable.default.as_mut()) {
                default.for_each(visit);
            }
        }
    }

    /// Mutates a random selection set that satisfies a predicate. Returns false if there is none.
    pub fn mutate_random_selection_set(
        &mut self,
        random: &mut Random,
        is_candidate: impl Fn(&SelectionSet) -> bool,
        mutate: impl FnOnce(&mut Random, &mut SelectionSet),
    ) -> bool {
        let mut choice = RandomChoice::new(mutate);
        self.for_each_selection_set(&mut |selection_set| choice.count(is_candidate(selection_set)));
        choice.choose(random);
        self.for_each_selection_set(&mut |selection_set| {
            if is_candidate(selection_set) {
                choice.visit(random, selection_set);
            }
        });
        choice.has_mutated()
    }

    pub fn mutate_random_field(
        &mut self,
        random: &mut Random,
        is_candidate: impl Fn(&Field) -> bool,
        mutate: impl FnOnce(&mut Random, &mut Field),
    ) -> bool {
        let mut choice = RandomChoice::new(mutate);
        self.for_each_field(&mut |field| choice.count(is_candidate(field)));
        choice.choose(random);
        self.for_each_field(&mut |field| {
            if is_candidate(field) {
                choice.visit(random, field);
            }
        });
        choice.has_mutated()
    }

    pub fn mutate_random_arguments(
        &mut self,
        random: &mut Random,
        mutate: impl FnOnce(&mut Random, &mut NamedValues),
    ) -> bool {
        let mut choice = RandomChoice::new(mutate);
        self.for_each_arguments(&mut |arguments| choice.count(!arguments.is_empty()));
        choice.choose(random);
        self.for_each_arguments(&mut |arguments| {
            if !arguments.is_empty() {
                choice.visit(random, arguments);
            }
        });
        choice.has_mutated()
    }

    pub fn mutate_random_value(
        &mut self,
        random: &mut Random,
        is_candidate: impl Fn(&Value) -> bool,
        mutate: impl FnOnce(&mut Random, &mut Value),
    ) -> bool {
        let mut choice = RandomChoice::new(mutate);
        self.for_each_value(&mut |value| choice.count(is_candidate(value)));
        choice.choose(random);
        self.for_each_value(&mut |value| {
            if is_candidate(value) {
                choice.visit(random, value);
            }
        });
        choice.has_mutated()
    }
}

/// Picks one of several candidates at random and mutates it. Needs two passes over the candidates in the same
/// order: one that counts them, and one that visits them.
struct RandomChoice<F> {
    candidates: usize,
    /// How many more candidates to visit, up to and including the chosen one.
    remaining: usize,
    /// `None` once it has been applied.
    mutate: Option<F>,
}

impl<F> RandomChoice<F> {
    fn new(mutate: F) -> Self {
        Self { candidates: 0, remaining: 0, mutate: Some(mutate) }
    }

    fn count(&mut self, is_candidate: bool) {
        self.candidates += usize::from(is_candidate);
    }

    fn choose(&mut self, random: &mut Random) {
        self.remaining = if self.candidates == 0 { 0 } else { 1 + random.below(self.candidates) };
    }

    fn visit<T>(&mut self, random: &mut Random, candidate: &mut T)
    where
        F: FnOnce(&mut Random, &mut T),
    {
        self.remaining = self.remaining.saturating_sub(1);
        if self.remaining == 0
            && let Some(mutate) = self.mutate.take()
        {
            mutate(random, candidate);
        }
    }

    fn has_mutated(&self) -> bool {
        self.mutate.is_none()
    }
}

impl SelectionSet {
    fn for_each(&mut self, visit: &mut dyn FnMut(&mut Self)) {
        visit(self);
        for selection in &mut self.selections {
            match selection {
                Selection::Field(Field { selection_set: Some(selection_set), .. })
                | Selection::InlineFragment { selection_set, .. } => {
                    selection_set.for_each(visit);
                }
                _ => {}
            }
        }
    }
}

impl Value {
    fn for_each(&mut self, visit: &mut dyn FnMut(&mut Self)) {
        visit(self);
        match self {
            Self::List(items) => items.iter_mut().for_each(|item| item.for_each(visit)),
            Self::Object(fields) => fields.iter_mut().for_each(|(_, field)| field.for_each(visit)),
            _ => {}
        }
    }
}
