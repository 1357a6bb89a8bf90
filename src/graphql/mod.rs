//! The GraphQL schema, and nothing else: `engine` runs the operations.
//!
//! | module | contents |
//! |---|---|
//! | [`types`] | output types, scalars, interfaces, unions |
//! | [`inputs`] | input types |
//! | [`query`], [`mutation`], [`subscription`] | the root types |
//! | [`Schema`] | the root types together, with or without Apollo Federation |
//! | [`loaders`] | batched reads |
//! | [`context`] | what a resolver knows about its request, and whom an execution is for |
//! | [`error`] | GraphQL errors and their codes |
//! | [`outcomes`] | what a mutation with an idempotency key did |
//! | [`authorization`] | the table of who may see and do what |
//!
//! A resolver parses ids, calls one function of `service` (to change something) or of `store` (to read,
//! mostly through [`loaders`]), and maps the result. It contains no rules and no SQL. Validation
//! errors are data ([`types::user_error`]); all other errors are GraphQL errors ([`error`]).
//!
//! # To add a nullable field to `Gig`
//!
//! The example is `nextOpening: DateTime`, which anonymous clients can read in lists. The parentheses after a
//! step say what fails if the step is forgotten: a test, or the compiler.
//!
//! 1. `migration/src`: a new file that adds the column, and its line in `lib.rs` (every test that reads a
//!    gig).
//! 2. `entity/src/gig.rs`: the column of `Model` (compiler, in step 4).
//! 3. `src/domain/gig.rs`: the field of `GigContent` if the seller writes it, otherwise of `Gig`, with its
//!    initial value in `GigContent::blank` or `Gig::new` (compiler, in steps 4 and 6).
//! 4. `src/store/gigs/mod.rs`: `from_row` and `to_row` (compiler).
//! 5. `src/store/gigs/rows.rs`: a variant of `Column` (`every_field_of_gig_has_its_column`, in this file). A
//!    line in `read_gig` (compiler) at the place of the variant
//!    (`every_field_in_a_list_equals_the_field_of_the_gig`). The column, the variant and the GraphQL field
//!    have the same name, apart from the case.
//! 6. `src/graphql/types/gig.rs`: the resolver (`every_field_of_gig_has_its_column`), with a doc comment that
//!    says when it is null (`every_type_field_argument_and_enum_value_has_a_description`).
//! 7. `src/graphql/authorization/table/catalogue.rs`: the name in the row of `Gig` that has `Everyone`
//!    (`every_schema_field_has_exactly_one_table_row`).
//! 8. `make schema` (`the_committed_schema_is_up_to_date`, `the_committed_authorization_page_is_up_to_date`).
//! 9. `tests/api/authorization_fields.rs`: a value for the field, or its name in `MAY_BE_NULL`
//!    (`every_field_returns_what_its_table_row_says_for_every_caller`).
//! 10. `tests/api/listed_fields.rs`: a value that is not null. Also the name, next to the other fields of its
//!     type in `same_type`, so that the test detects swapped columns. For a field that is an object, also its
//!     selection (the test fails without it). The test takes the names of all fields from the schema.
//! 11. `bench/src/transitions.sql`: the column in its statements, which are those of the gateway (no test).
//! 12. `CHANGELOG.md`: a line under "Unreleased" (no test).
//!
//! If the seller types the field as a number or a date, its type in the inputs is `Entered`
//! (`src/domain/entered.rs`). If the seller writes the field, put the variant of `Column` among those of `GigContent`, before `Version`.
//! Also change `GigForm` in `src/domain/gig_form.rs`, the three inputs in
//! `src/graphql/inputs/gig.rs`, `src/graphql/mutation/gig.rs` and `src/demo/gigs.rs` (compiler). In a form,
//! null means "unchanged": a seller cannot set the field back to null.
//!
//! If the field can change while the gig stays ACTIVE, record an event for the change, as
//! `EventBody::ProfileChanged` does for profiles (`src/events/mod.rs`): responses to anonymous clients are
//! cached until an event reports a change of public data, and `EventBody::GigUpdated` tells the subscribers of
//! `catalogueChanged` (`UnitOfWork::commit` records it for each gig of a seller whose profile changes). Also add the field to the selection in
//! `tests/api/response_cache_staleness.rs`.

pub mod authorization;
pub mod context;
pub mod error;
pub mod inputs;
pub mod load_spawner;
mod loaders;
pub mod mutation;
pub mod outcomes;
pub mod query;
mod schema;
pub mod subscription;
pub mod types;

pub use context::{Caller, RequestMeta};
pub use schema::{Schema, federation_sdl, sdl};

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use async_graphql::parser::parse_schema;
    use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};

    use crate::graphql::sdl;
    use crate::graphql::types::gig::column_for;
    use crate::store::gigs::rows::ColumnSet;

    /// The fields of `Gig` that need no column, because every list reads what they need.
    const WITHOUT_COLUMN: [&str; 5] = ["id", "category", "price", "status", "publishedAt"];

    /// The inputs of mutations that are numbers or dates. A new one takes `Entered` and is added here, and to
    /// `tests/api/form_errors.rs`.
    const ENTERED: [&str; 4] = [
        "EditGigInput.price",
        "PersonalInfoInput.dateOfBirth",
        "PostGigInput.price",
        "SaveGigDraftInput.price",
    ];

    #[test]
    fn numbers_and_dates_in_mutations_are_reported_by_their_form() {
        let sdl = sdl();
        let schema = apollo_compiler::Schema::parse(&sdl, "schema.graphql").expect("the schema is valid");
        let mutation = schema.get_object("Mutation").expect("there are mutations");
        let arguments = mutation.fields.iter().flat_map(|(name, field)| {
            field.arguments.iter().map(move |argument| (format!("Mutation.{name}"), argument.clone()))
        });
        let mut waiting: Vec<_> = arguments.collect();
        let (mut seen, mut found) = (HashSet::new(), BTreeSet::new());
        while let Some((parent, input)) = waiting.pop() {
            let ty = input.ty.inner_named_type().clone();
            if matches!(ty.as_str(), "Decimal" | "Date") {
                found.insert(format!("{parent}.{}", input.name));
            }
            if let Some(definition) = schema.get_input_object(&ty)
                && seen.insert(ty.clone())
            {
                let fields = definition.fields.values();
                waiting.extend(fields.map(|field| (ty.to_string(), field.node.clone())));
            }
        }
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), ENTERED);
    }

    #[test]
    fn every_field_of_gig_has_its_column() {
        let definitions = parse_schema(sdl()).expect("the schema is valid").definitions;
        let fields = definitions.into_iter().find_map(|definition| match definition {
            TypeSystemDefinition::Type(gig) if gig.node.name.node == "Gig" => match gig.node.kind {
                TypeKind::Object(object) => Some(object.fields),
                _ => None,
            },
            _ => None,
        });
        let (mut columns, mut without_column) = (ColumnSet::new(), Vec::new());
        for field in fields.expect("there is a type Gig") {
            let name = field.node.name.node;
            match column_for(&name) {
                Some(column) => {
                    columns.insert(column);
                }
                None => without_column.push(name.to_string()),
            }
        }
        assert_eq!(without_column, WITHOUT_COLUMN);
        assert_eq!(columns, ColumnSet::all(), "a column has no field of its name");
    }
}
