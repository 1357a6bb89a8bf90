//! The root type `Mutation`: one file for each subject.

mod account;
mod gig;
mod review;
mod verification;

use async_graphql::MergedObject;

/// Everything that changes something.
#[derive(MergedObject, Default)]
pub struct Mutation(
    account::AccountMutation,
    gig::GigMutation,
    review::ReviewMutation,
    verification::VerificationMutation,
);
