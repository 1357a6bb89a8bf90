//! The root type `Mutation`: one file per subject.
//!
//! To add a mutation:
//!
//! 1. The use case: a function in `service`, one transaction.
//! 2. A method in the file of its subject here. It checks the role, parses ids, and hands the use case to
//!    [`repeatable::run`], which runs it once for an `Idempotency-Key`, and returns the two parts of the payload:
//!    the object and `errors`.
//! 3. Its input in `inputs`, if it has more than one argument.
//! 4. Its name in `authorization::table`, and its cases in `tests/api/authorization_mutations.rs`.
//! 5. `make schema`.

mod account;
mod administration;
mod gig;
mod repeatable;
mod review;
mod rights;
mod verification;

use async_graphql::MergedObject;

/// All mutations. With the header `Idempotency-Key`, a mutation can be sent again safely: it is executed once.
#[derive(MergedObject, Default)]
pub struct Mutation(
    account::AccountMutation,
    administration::AdministrationMutation,
    gig::GigMutation,
    review::ReviewMutation,
    rights::RightsMutation,
    verification::VerificationMutation,
);
