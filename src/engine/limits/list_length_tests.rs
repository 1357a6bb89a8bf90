//! Tests that a plain list costs what it can return.

use async_graphql::Request;

use crate::config::OperationLimits;
use crate::domain::limits::Limits;
use crate::engine::limits::list_lengths::ListLengths;
use crate::engine::limits::schema_index::{FieldInfo, SchemaIndex};
use crate::engine::request_validator::RequestValidator;

fn defaults() -> ListLengths {
    ListLengths::new(&Limits::default(), 27)
}

#[test]
fn a_plain_list_costs_what_it_can_return() {
    let index = SchemaIndex::parse(&crate::graphql::sdl(), &defaults());
    // The lists of a page have the length of the page.
    let is_plain = |type_name: &str, name: &str, info: &FieldInfo| {
        let is_of_page = type_name.ends_with("Connection") && ["edges", "nodes"].contains(&name);
        info.is_list && info.is_composite && info.list_argument.is_none() && !is_of_page
    };
    for (type_name, name, info) in index.fields() {
        let is_known = info.plain_length.is_some();
        assert_eq!(is_known, is_plain(type_name, name, info), "{type_name}.{name} in `ListLengths::of`");
    }
    let cost = |query: &str, lengths: &ListLengths| {
        let limits = OperationLimits::default();
        let validator = RequestValidator::new(limits, true, &crate::graphql::sdl(), lengths);
        validator.validate(Request::new(query)).map(|operation| operation.cost).expect("the request is valid")
    };
    let lengths = defaults();
    assert_eq!(cost("{ categories { id } }", &lengths), 27);
    assert_eq!(cost("{ categories { minimumPrice { amount } } }", &lengths), 2 * 27);
    assert_eq!(cost("{ limits { levels { level } } }", &lengths), 1 + 11);
    let verification = "{ viewer { verification { steps { done } documents { id } reasons { code } } } }";
    assert_eq!(cost(verification, &lengths), 2 + 4 + 3 + 10);
    let images = "{ gig(id: 1) { images { id } } }";
    assert_eq!(cost(images, &lengths), 1 + 5);
    // A configured limit counts.
    let mut limits = Limits::default();
    limits.gig.images_max = 40;
    assert_eq!(cost(images, &ListLengths::new(&limits, 27)), 1 + 40);
}
