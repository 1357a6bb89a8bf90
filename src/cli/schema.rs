//! `gigway schema`: prints the GraphQL schema or the authorization document.

use clap::Args;

/// The form of the output.
#[derive(Args, Debug)]
pub(super) struct Schema {
    /// Print the schema as an Apollo Federation 2 subgraph
    #[arg(long)]
    federation: bool,
    /// Print docs/AUTHORIZATION.md: who can see and do what
    #[arg(long, conflicts_with = "federation")]
    authorization: bool,
}

pub(super) fn print(form: &Schema) {
    if form.authorization {
        print!("{}", crate::graphql::authorization::document());
    } else if form.federation {
        print!("{}", crate::graphql::federation_sdl());
    } else {
        print!("{}", crate::graphql::sdl());
    }
}
