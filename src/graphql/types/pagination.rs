//! Pagination by cursors, as in Relay: `first` and `after`, or `last` and `before`.

use async_graphql::SimpleObject;

use crate::graphql::error::{Error, ErrorCode, Result};
use crate::store::pagination::{Direction, Page, PageKey, PageRequest, Side};

/// The size of a page if neither `first` nor `last` is given.
pub const DEFAULT_SIZE: u64 = 20;

/// The largest size of a page.
const MAX_SIZE: u64 = 100;

/// The position of a page in its list.
#[derive(SimpleObject, Clone)]
#[graphql(shareable)]
pub struct PageInfo {
    /// Whether the list has entries after this page.
    has_next_page: bool,
    /// Whether the list has entries before this page.
    has_previous_page: bool,
    /// The cursor of the first entry; null if the page is empty.
    start_cursor: Option<String>,
    /// The cursor of the last entry; null if the page is empty.
    end_cursor: Option<String>,
}

/// The four page arguments of a connection.
pub struct PageArguments {
    pub first: Option<i32>,
    pub after: Option<String>,
    pub last: Option<i32>,
    pub before: Option<String>,
}

impl PageArguments {
    /// The requested page of a list whose cursors have this shape.
    ///
    /// # Errors
    /// BAD_USER_INPUT if the size is out of bounds, or both `first` and `last` are given. INVALID_CURSOR if
    /// `after` or `before` is not a cursor of this list and order.
    pub fn parse(self, shape: (&'static str, usize)) -> Result<PageRequest> {
        let (size, direction) = match (self.first, self.last) {
            (Some(_), Some(_)) => {
                return Err(Error::bad_input("Use either `first` or `last`, not both."));
            }
            (None, Some(last)) => (size("last", last)?, Direction::Backward),
            (Some(first), None) => (size("first", first)?, Direction::Forward),
            // Only `before`: the page that ends there.
            (None, None) if self.before.is_some() && self.after.is_none() => {
                (DEFAULT_SIZE, Direction::Backward)
            }
            (None, None) => (DEFAULT_SIZE, Direction::Forward),
        };
        Ok(PageRequest {
            size,
            direction,
            after: key("after", self.after, shape)?,
            before: key("before", self.before, shape)?,
        })
    }
}

fn size(name: &str, value: i32) -> Result<u64> {
    match u64::try_from(value) {
        Ok(size @ 0..=MAX_SIZE) => Ok(size),
        _ => Err(Error::bad_input(format!("`{name}` must be between 0 and {MAX_SIZE}, not {value}."))),
    }
}

fn key(name: &str, cursor: Option<String>, shape: (&'static str, usize)) -> Result<Option<PageKey>> {
    let Some(cursor) = cursor else { return Ok(None) };
    let key = PageKey::from_cursor(&cursor, shape.0, shape.1);
    key.map(Some).ok_or_else(|| {
        let message = format!("`{name}` must be a cursor of this list in this order.");
        Error::new(ErrorCode::InvalidCursor, message)
    })
}

/// The side of a page opposite to its direction, where more rows may exist, and the key at which it starts;
/// `None` if the page starts at an end of the list.
pub fn opposite_side(request: &PageRequest) -> Option<(Side, &PageKey)> {
    match request.direction {
        Direction::Forward => request.after.as_ref().map(|key| (Side::UpTo, key)),
        Direction::Backward => request.before.as_ref().map(|key| (Side::From, key)),
    }
}

/// The `PageInfo` of a page. `has_opposite` says whether rows exist on the opposite side.
pub fn page_info<T>(page: &Page<T>, request: &PageRequest, has_opposite: bool) -> PageInfo {
    let (has_next_page, has_previous_page) = match request.direction {
        Direction::Forward => (page.has_more, has_opposite),
        Direction::Backward => (has_opposite, page.has_more),
    };
    PageInfo {
        has_next_page,
        has_previous_page,
        start_cursor: page.rows.first().map(|(key, _)| key.to_cursor()),
        end_cursor: page.rows.last().map(|(key, _)| key.to_cursor()),
    }
}

/// The field of [`PageInfo`] that needs another statement.
pub fn opposite_side_field(request: &PageRequest) -> &'static str {
    match request.direction {
        Direction::Forward => "hasPreviousPage",
        Direction::Backward => "hasNextPage",
    }
}
