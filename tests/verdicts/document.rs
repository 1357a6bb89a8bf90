//! A document as a tree that can be changed, also into one that is not valid.

use crate::random::Random;

/// Names with values, of a field, a directive or an input object.
pub type Named = Vec<(String, Value)>;

#[derive(Clone)]
pub struct Document {
    pub operations: Vec<Operation>,
    pub fragments: Vec<Fragment>,
    /// What stands behind them.
    pub rest: String,
}

#[derive(Clone)]
pub struct Operation {
    pub kind: &'static str,
    pub name: Option<String>,
    pub variables: Vec<Variable>,
    pub directives: Vec<Directive>,
    pub set: Set,
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
    pub set: Set,
}

#[derive(Clone)]
pub struct Directive {
    pub name: String,
    pub arguments: Named,
}

/// What is selected of a type.
#[derive(Clone)]
pub struct Set {
    pub ty: String,
    pub selections: Vec<Selection>,
}

#[derive(Clone)]
pub enum Selection {
    Field(Field),
    Spread { name: String, directives: Vec<Directive> },
    Inline { on: bool, directives: Vec<Directive>, set: Set },
}

#[derive(Clone)]
pub struct Field {
    pub alias: Option<String>,
    pub name: String,
    pub arguments: Named,
    pub directives: Vec<Directive>,
    /// Of a field without fields there is none.
    pub set: Option<Set>,
}

#[derive(Clone, PartialEq)]
pub enum Value {
    Variable(String),
    /// A literal as it is written.
    Literal(String),
    List(Vec<Value>),
    Object(Named),
}

impl Field {
    pub fn new(name: &str) -> Self {
        Self { alias: None, name: name.to_owned(), arguments: Vec::new(), directives: Vec::new(), set: None }
    }
}

impl Selection {
    pub fn field(name: &str) -> Self {
        Self::Field(Field::new(name))
    }

    pub fn spread(name: &str) -> Self {
        Self::Spread { name: name.to_owned(), directives: Vec::new() }
    }

    pub fn directives(&mut self) -> &mut Vec<Directive> {
        match self {
            Self::Field(field) => &mut field.directives,
            Self::Spread { directives, .. } | Self::Inline { directives, .. } => directives,
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
    /// Shows each set of selections.
    pub fn for_each_set(&mut self, show: &mut dyn FnMut(&mut Set)) {
        for operation in &mut self.operations {
            operation.set.for_each(show);
        }
        for fragment in &mut self.fragments {
            fragment.set.for_each(show);
        }
    }

    /// Shows each field.
    pub fn for_each_field(&mut self, show: &mut dyn FnMut(&mut Field)) {
        self.for_each_set(&mut |set| {
            for selection in &mut set.selections {
                if let Selection::Field(field) = selection {
                    show(field);
                }
            }
        });
    }

    /// Shows each list of arguments: those of fields, and those of directives on selections.
    pub fn for_each_arguments(&mut self, show: &mut dyn FnMut(&mut Named)) {
        self.for_each_set(&mut |set| {
            for selection in &mut set.selections {
                for directive in selection.directives() {
                    show(&mut directive.arguments);
                }
                if let Selection::Field(field) = selection {
                    show(&mut field.arguments);
                }
            }
        });
    }

    /// Shows each value, those within others too.
    pub fn for_each_value(&mut self, show: &mut dyn FnMut(&mut Value)) {
        self.for_each_arguments(&mut |arguments| {
            for (_, value) in arguments {
                value.for_each(show);
            }
        });
        for operation in &mut self.operations {
            for default in operation.variables.iter_mut().filter_map(|variable| variable.default.as_mut()) {
                default.for_each(show);
            }
        }
    }

    /// Changes one of the sets that a test holds for; says whether there is any.
    pub fn change_set(
        &mut self,
        random: &mut Random,
        test: impl Fn(&Set) -> bool,
        change: impl FnOnce(&mut Random, &mut Set),
    ) -> bool {
        let mut chosen = Chosen::new(change);
        self.for_each_set(&mut |set| chosen.count(test(set)));
        chosen.choose(random);
        self.for_each_set(&mut |set| {
            if test(set) {
                chosen.show(random, set);
            }
        });
        chosen.done()
    }

    pub fn change_field(
        &mut self,
        random: &mut Random,
        test: impl Fn(&Field) -> bool,
        change: impl FnOnce(&mut Random, &mut Field),
    ) -> bool {
        let mut chosen = Chosen::new(change);
        self.for_each_field(&mut |field| chosen.count(test(field)));
        chosen.choose(random);
        self.for_each_field(&mut |field| {
            if test(field) {
                chosen.show(random, field);
            }
        });
        chosen.done()
    }

    pub fn change_arguments(
        &mut self,
        random: &mut Random,
        change: impl FnOnce(&mut Random, &mut Named),
    ) -> bool {
        let mut chosen = Chosen::new(change);
        self.for_each_arguments(&mut |arguments| chosen.count(!arguments.is_empty()));
        chosen.choose(random);
        self.for_each_arguments(&mut |arguments| {
            if !arguments.is_empty() {
                chosen.show(random, arguments);
            }
        });
        chosen.done()
    }

    pub fn change_value(
        &mut self,
        random: &mut Random,
        test: impl Fn(&Value) -> bool,
        change: impl FnOnce(&mut Random, &mut Value),
    ) -> bool {
        let mut chosen = Chosen::new(change);
        self.for_each_value(&mut |value| chosen.count(test(value)));
        chosen.choose(random);
        self.for_each_value(&mut |value| {
            if test(value) {
                chosen.show(random, value);
            }
        });
        chosen.done()
    }
}

/// One of many, to be changed once.
struct Chosen<F> {
    many: usize,
    left: usize,
    change: Option<F>,
}

impl<F> Chosen<F> {
    fn new(change: F) -> Self {
        Self { many: 0, left: 0, change: Some(change) }
    }

    fn count(&mut self, counts: bool) {
        self.many += usize::from(counts);
    }

    fn choose(&mut self, random: &mut Random) {
        self.left = if self.many == 0 { 0 } else { 1 + random.below(self.many) };
    }

    fn show<T>(&mut self, random: &mut Random, one: &mut T)
    where
        F: FnOnce(&mut Random, &mut T),
    {
        self.left = self.left.saturating_sub(1);
        if self.left == 0
            && let Some(change) = self.change.take()
        {
            change(random, one);
        }
    }

    fn done(&self) -> bool {
        self.change.is_none()
    }
}

impl Set {
    fn for_each(&mut self, show: &mut dyn FnMut(&mut Self)) {
        show(self);
        for selection in &mut self.selections {
            match selection {
                Selection::Field(Field { set: Some(set), .. }) | Selection::Inline { set, .. } => {
                    set.for_each(show);
                }
                _ => {}
            }
        }
    }
}

impl Value {
    fn for_each(&mut self, show: &mut dyn FnMut(&mut Self)) {
        show(self);
        match self {
            Self::List(items) => items.iter_mut().for_each(|item| item.for_each(show)),
            Self::Object(fields) => fields.iter_mut().for_each(|(_, field)| field.for_each(show)),
            _ => {}
        }
    }
}
