//! `gigway schema`: what clients see, in print.

use clap::Args;

/// Which form of the schema.
#[derive(Args, Debug)]
pub(super) struct Schema {
    /// As a subgraph of Apollo Federation 2
    #[arg(long)]
    federation: bool,
    /// Who gets to see and do what, as docs/AUTHORIZATION.md
    #[arg(long, conflicts_with = "federation")]
    authorization: bool,
}

/// Prints it.
pub(super) fn print(form: &Schema) {
    if form.authorization {
        print!("{}", crate::graphql::authorization::document());
    } else if form.federation {
        print!("{}", crate::graphql::federation_sdl());
    } else {
        print!("{}", crate::graphql::sdl());
    }
}
