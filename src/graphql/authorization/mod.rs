//! Who gets to see and do what, as one table: [`table::TABLE`] has a row for every field of the schema.
//!
//! It decides nothing. Whoever writes a resolver says there who may; this says what came of it, is printed as
//! docs/AUTHORIZATION.md (`gigway schema --authorization`), and `tests/api/access.rs` asks a running gateway for every
//! field as every caller, and compares. A new field without a row fails there, and so does one that shows more than its
//! row says.

pub mod table;

use std::fmt::Write;

use crate::graphql::authorization::table::{Rows, TABLE};

/// Who asks. The member is another one than the owner, whose gig, verification or session it is.
pub const CALLERS: [&str; 5] = ["anonymous", "member", "owner", "reviewer", "admin"];

/// What a caller gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// What there is; or the act is theirs to try.
    Value,
    Null,
    /// A list without entries.
    Empty,
    Unauthenticated,
    Forbidden,
    /// As if it were not there.
    NotFound,
    /// There is no way for them to any object of the type.
    Nowhere,
}

/// What the callers get, by what they have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Everyone,
    /// An act of, or a look at, one's own; else UNAUTHENTICATED.
    SignedIn,
    /// The same, and null for strangers.
    SignedInElseNull,
    /// Objects that whoever is signed in gets for themselves.
    OfOneself,
    /// Acts on a gig that are its seller's alone.
    Owner,
    /// Objects that their owner and reviewers get.
    OwnerAndReviewers,
    /// Null for everybody else.
    OwnerAndReviewersElseNull,
    /// Empty for everybody else.
    OwnerAndReviewersElseEmpty,
    /// Of objects that the owner gets, too: null for the owner.
    ReviewersElseNull,
    /// Acts and lists of reviewers; else FORBIDDEN.
    Reviewers,
    /// Objects that reviewers alone get.
    OfReviewers,
}

impl Access {
    /// What each of the [`CALLERS`] gets.
    pub fn cells(self) -> [Cell; 5] {
        use Cell::{Empty, Forbidden, NotFound, Nowhere, Null, Unauthenticated, Value};
        match self {
            Self::Everyone => [Value; 5],
            Self::SignedIn => [Unauthenticated, Value, Value, Value, Value],
            Self::SignedInElseNull => [Null, Value, Value, Value, Value],
            Self::OfOneself => [Nowhere, Value, Value, Value, Value],
            Self::Owner => [Unauthenticated, NotFound, Value, NotFound, NotFound],
            Self::OwnerAndReviewers => [Nowhere, Nowhere, Value, Value, Value],
            Self::OwnerAndReviewersElseNull => [Null, Null, Value, Value, Value],
            Self::OwnerAndReviewersElseEmpty => [Empty, Empty, Value, Value, Value],
            Self::ReviewersElseNull => [Nowhere, Nowhere, Null, Value, Value],
            Self::Reviewers => [Unauthenticated, Forbidden, Forbidden, Value, Value],
            Self::OfReviewers => [Nowhere, Nowhere, Nowhere, Value, Value],
        }
    }
}

impl Cell {
    fn shown(self) -> &'static str {
        match self {
            Self::Value => "yes",
            Self::Null => "null",
            Self::Empty => "empty",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::Nowhere => "–",
        }
    }
}

const INTRODUCTION: &str = "# Authorization

Who gets to see and do what: every field of the schema, as each kind of caller. This page is printed from the code
(`gigway schema --authorization > docs/AUTHORIZATION.md`), and a test asks a running gateway for every field as every
caller, and compares; a field without a row fails it.

The **member** is another one than the **owner**, whose gig, verification, session or picture it is. **Reviewer** and
**admin** are people with these roles, who own none of it.

| in a cell | the caller |
|---|---|
| yes | gets what there is, or may try the act: what is wrong with its form comes as data |
| null, empty | gets nothing, as if there were nothing |
| NOT_FOUND | is told that it is not there, whether or not it is |
| UNAUTHENTICATED | must sign in |
| FORBIDDEN | has not the role |
| – | has no way to any object of the type |

Credentials that are not good (any more) are UNAUTHENTICATED wherever it matters who asks. A refusal changes nothing.
";

/// The page, as docs/AUTHORIZATION.md has it.
pub fn document() -> String {
    let mut page = INTRODUCTION.to_owned();
    for Rows { of, note, fields } in TABLE {
        write!(
            page,
            "\n## {of}\n\n{note}\n\n| field | {} |\n|---|---|---|---|---|---|\n",
            CALLERS.join(" | ")
        )
        .expect("a text takes all");
        for (access, names) in *fields {
            let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let cells = access.cells().map(Cell::shown).join(" | ");
            writeln!(page, "| {names} | {cells} |").expect("a text takes all");
        }
    }
    page
}
