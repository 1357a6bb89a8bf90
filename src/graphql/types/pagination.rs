//! Relay's paging: `first` and `after`, or `last` and `before`.

use async_graphql::SimpleObject;

use crate::graphql::error::{Error, ErrorCode, Result};
use crate::store::pagination::{Direction, Page, PageKey, PageRequest, Side};

/// Rows of a page for which nobody said how many.
pub const DEFAULT_SIZE: u64 = 20;

/// The most rows of a page.
const MAX_SIZE: u64 = 100;

/// Where a page lies in its list.
#[derive(SimpleObject, Clone)]
#[graphql(shareable)]
pub struct PageInfo {
    /// Whether the list goes on behind this page.
    has_next_page: bool,
    /// Whether the list has something in front of this page.
    has_previous_page: bool,
    /// The first entry's cursor; null where the page is empty.
    start_cursor: Option<String>,
    /// The last entry's cursor; null where the page is empty.
    end_cursor: Option<String>,
}

/// The four arguments as they were given.
pub struct PageArguments {
    pub first: Option<i32>,
    pub after: Option<String>,
    pub last: Option<i32>,
    pub before: Option<String>,
}

impl PageArguments {
    /// The page they ask for, of a list whose cursors have that shape.
    ///
    /// # Errors
    /// BAD_USER_INPUT for a size out of bounds, or both directions; INVALID_CURSOR.
    pub fn parse(self, shape: (&'static str, usize)) -> Result<PageRequest> {
        let (size, paging) = match (self.first, self.last) {
            (Some(_), Some(_)) => {
                return Err(Error::bad_input("Give `first` or `last`, not both."));
            }
            (None, Some(last)) => (size("last", last)?, Direction::Backward),
            (Some(first), None) => (size("first", first)?, Direction::Forward),
            // Asked for what comes before a cursor, and not how much of it.
            (None, None) if self.before.is_some() && self.after.is_none() => {
                (DEFAULT_SIZE, Direction::Backward)
            }
            (None, None) => (DEFAULT_SIZE, Direction::Forward),
        };
        Ok(PageRequest {
            size,
            paging,
            after: key("after", self.after, shape)?,
            before: key("before", self.before, shape)?,
        })
    }
}

fn size(name: &str, given: i32) -> Result<u64> {
    match u64::try_from(given) {
        Ok(size @ 0..=MAX_SIZE) => Ok(size),
        _ => Err(Error::bad_input(format!("`{name}` must be from 0 to {MAX_SIZE}; it is {given}."))),
    }
}

fn key(name: &str, given: Option<String>, shape: (&'static str, usize)) -> Result<Option<PageKey>> {
    let Some(cursor) = given else { return Ok(None) };
    let key = PageKey::from_cursor(&cursor, shape.0, shape.1);
    key.map(Some).ok_or_else(|| {
        let message = format!("`{name}` is no cursor of this list in this order.");
        Error::new(ErrorCode::InvalidCursor, message)
    })
}

/// What must be asked to know whether the list has rows on the side that the page was not read towards.
pub fn other_side(request: &PageRequest) -> Option<(Side, &PageKey)> {
    match request.paging {
        Direction::Forward => request.after.as_ref().map(|key| (Side::UpTo, key)),
        Direction::Backward => request.before.as_ref().map(|key| (Side::From, key)),
    }
}

/// The page's place, where `other` says whether there are rows on that other side.
pub fn page_info<T>(page: &Page<T>, request: &PageRequest, other: bool) -> PageInfo {
    let (has_next_page, has_previous_page) = match request.paging {
        Direction::Forward => (page.more, other),
        Direction::Backward => (other, page.more),
    };
    PageInfo {
        has_next_page,
        has_previous_page,
        start_cursor: page.rows.first().map(|(key, _)| key.to_cursor()),
        end_cursor: page.rows.last().map(|(key, _)| key.to_cursor()),
    }
}

/// The field of [`PageInfo`] that takes a question of its own to answer.
pub fn other_side_field(request: &PageRequest) -> &'static str {
    match request.paging {
        Direction::Forward => "hasPreviousPage",
        Direction::Backward => "hasNextPage",
    }
}
