//! Who may see and do what: [`table::rows`] has every field of the schema.
//!
//! Resolvers and `service` enforce the permissions. The table documents them, and `make schema` prints it as
//! docs/AUTHORIZATION.md. `tests/api/authorization_fields.rs` requests every field from a running gateway as
//! every kind of caller, and compares the result with the table. `tests/api/authorization_table.rs` fails
//! for a field that is not in the table.

pub mod table;

use std::fmt::Write;

use crate::graphql::authorization::table::TypeAccess;

/// The kinds of callers. The owner has the gig, verification or session. The member is any other user with
/// the role MEMBER.
pub const CALLERS: [&str; 5] = ["anonymous", "member", "owner", "reviewer", "admin"];

/// What a caller gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// The value; of a mutation, its payload.
    Value,
    /// The value for the reviewer who has claimed the review item; null without the claim.
    Claimed,
    Null,
    /// A list without entries.
    Empty,
    Unauthenticated,
    Forbidden,
    /// The same as for an id that does not exist.
    NotFound,
    /// The caller cannot reach any object of this type.
    Unreachable,
}

/// Which callers get the value of a field, and what the others get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Everyone,
    /// Needs a session; otherwise UNAUTHENTICATED.
    SessionRequired,
    /// Null for anonymous clients.
    SignedInElseNull,
    /// A field of an object that every signed-in user has for themselves.
    OwnObject,
    /// A mutation of a gig that only its seller may run; otherwise NOT_FOUND.
    OwnerRequired,
    /// A field of an object that only its owner and reviewers can reach.
    OwnerAndReviewers,
    /// Null for everybody else.
    OwnerAndReviewersElseNull,
    /// Empty for everybody else.
    OwnerAndReviewersElseEmpty,
    /// A field of an object that its owner and reviewers can reach; null for the owner.
    ReviewersElseNull,
    /// A field of a payload that every signed-in user can get; null except for reviewers.
    PayloadReviewersElseNull,
    /// Needs the role REVIEWER or ADMIN; otherwise FORBIDDEN.
    ReviewerRequired,
    /// A field of an object that only reviewers can reach.
    ReviewerObject,
    /// Identity data: for its owner; for the reviewer with the claim of the review item, and for an administrator
    /// who inspects the decided verification; null for all other reviewers.
    IdentityData,
    /// A field of identity data that is open.
    OpenIdentityData,
    /// The URL of identity data: like [`Self::IdentityData`], and null for the owner.
    IdentityDataUrl,
    /// Needs the role ADMIN; otherwise FORBIDDEN.
    AdminRequired,
    /// A field of an object that only administrators can reach.
    AdminObject,
}

impl Access {
    /// What each of the [`CALLERS`] gets, in their order.
    pub fn cells(self) -> [Cell; 5] {
        use Cell::{Claimed, Empty, Forbidden, NotFound, Null, Unauthenticated, Unreachable, Value};
        match self {
            Self::Everyone => [Value; 5],
            Self::SessionRequired => [Unauthenticated, Value, Value, Value, Value],
            Self::SignedInElseNull => [Null, Value, Value, Value, Value],
            Self::OwnObject => [Unreachable, Value, Value, Value, Value],
            Self::OwnerRequired => [Unauthenticated, NotFound, Value, NotFound, NotFound],
            Self::OwnerAndReviewers => [Unreachable, Unreachable, Value, Value, Value],
            Self::OwnerAndReviewersElseNull => [Null, Null, Value, Value, Value],
            Self::OwnerAndReviewersElseEmpty => [Empty, Empty, Value, Value, Value],
            Self::ReviewersElseNull => [Unreachable, Unreachable, Null, Value, Value],
            Self::PayloadReviewersElseNull => [Unreachable, Null, Null, Value, Value],
            Self::ReviewerRequired => [Unauthenticated, Forbidden, Forbidden, Value, Value],
            Self::ReviewerObject => [Unreachable, Unreachable, Unreachable, Value, Value],
            Self::IdentityData => [Unreachable, Unreachable, Value, Claimed, Null],
            Self::OpenIdentityData => [Unreachable, Unreachable, Value, Claimed, Unreachable],
            Self::IdentityDataUrl => [Unreachable, Unreachable, Null, Claimed, Null],
            Self::AdminRequired => [Unauthenticated, Forbidden, Forbidden, Forbidden, Value],
            Self::AdminObject => [Unreachable, Unreachable, Unreachable, Unreachable, Value],
        }
    }
}

impl Cell {
    fn label(self) -> &'static str {
        match self {
            Self::Value => "yes",
            Self::Claimed => "with the claim",
            Self::Null => "null",
            Self::Empty => "empty",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::Unreachable => "–",
        }
    }
}

const INTRODUCTION: &str = "# Authorization

Who may see and do what: every field of the schema, for each kind of caller. `make schema` prints this page
from `src/graphql/authorization`. A test requests every field from a running gateway as every kind of caller
and compares. It fails for a field that is not on this page.

The **owner** is the user whose gig, verification, session or image it is. The **member** is any other user
with the role MEMBER. The **reviewer** and the **admin** have these roles and own none of it.

| cell | meaning |
|---|---|
| yes | The caller gets the value or, of a mutation, its payload: validation errors are data in `errors`. |
| with the claim | The reviewer who has claimed the review item gets the value while the claim lasts, other reviewers get null. An admin gets it with a claim, or during an inspection of a decided verification. In lists of verifications it is null for every reviewer. |
| null, empty | The caller gets null or an empty list, the same as if there were no value. |
| NOT_FOUND | The caller gets the same error as for an id that does not exist. |
| UNAUTHENTICATED | The caller must sign in. |
| FORBIDDEN | The caller does not have the required role. |
| – | The caller cannot reach any object of this type. |

Invalid or expired credentials are UNAUTHENTICATED for every field that depends on the caller. A refused
request changes nothing.
";

/// The text of docs/AUTHORIZATION.md.
pub fn document() -> String {
    let mut page = INTRODUCTION.to_owned();
    for TypeAccess { type_name, note, fields } in table::rows() {
        write!(
            page,
            "\n## {type_name}\n\n{note}\n\n| field | {} |\n|---|---|---|---|---|---|\n",
            CALLERS.join(" | ")
        )
        .expect("writing to a string does not fail");
        for (access, names) in *fields {
            let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let cells = access.cells().map(Cell::label).join(" | ");
            writeln!(page, "| {names} | {cells} |").expect("writing to a string does not fail");
        }
    }
    page
}
