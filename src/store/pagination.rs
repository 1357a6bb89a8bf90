//! Keyset pagination: a page begins after a row, not after a number of rows, so it stays correct while rows
//! are added and removed.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use uuid::Uuid;

/// The position of a row in its list: the values by which the list is ordered, and the id of the row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageKey {
    /// The name of the order, so that a cursor is valid for lists of the same order only.
    pub order: &'static str,
    pub values: Vec<i64>,
    pub id: Uuid,
}

/// An upper bound of the values by which a list is ordered. As a time in microseconds, it is the year 2255.
const VALUE_BOUND: u64 = 1 << 53;

impl PageKey {
    /// Encodes the key as an opaque cursor.
    pub fn to_cursor(&self) -> String {
        let values: Vec<_> = self.values.iter().map(i64::to_string).collect();
        let text = format!("{}:{}:{}", self.order, values.join(","), self.id.simple());
        BASE64_URL_SAFE_NO_PAD.encode(text)
    }

    /// Parses a cursor of a list with this order, whose keys have `len` values; `None` if it is invalid.
    pub fn from_cursor(cursor: &str, order: &'static str, len: usize) -> Option<Self> {
        let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let mut parts = text.split(':');
        let (cursor_order, values, id) = (parts.next()?, parts.next()?, parts.next()?);
        if cursor_order != order || parts.next().is_some() {
            return None;
        }
        let values: Vec<i64> = values.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
        let id = Uuid::try_parse(id).ok()?;
        // No list has a larger value, and some databases cannot compare one.
        let is_in_range = values.iter().all(|value| value.unsigned_abs() < VALUE_BOUND);
        (is_in_range && values.len() == len).then_some(Self { order, values, id })
    }
}

/// The direction in which a client pages through a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// `first` rows after `after`.
    Forward,
    /// `last` rows before `before`.
    Backward,
}

/// Which page of a list to read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageRequest {
    pub size: u64,
    pub direction: Direction,
    pub after: Option<PageKey>,
    pub before: Option<PageKey>,
}

/// A page of a list, in the order of the list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    pub rows: Vec<(PageKey, T)>,
    /// Whether more rows follow in the direction of paging, up to the other cursor of the request.
    pub has_more: bool,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), has_more: false }
    }
}

impl<T> Page<T> {
    /// Makes the page from rows in the direction of paging. There may be one row more than the page size,
    /// which shows that more rows follow.
    pub fn from_rows(mut rows: Vec<(PageKey, T)>, request: &PageRequest) -> Self {
        let size = usize::try_from(request.size).unwrap_or(usize::MAX);
        let has_more = rows.len() > size;
        rows.truncate(size);
        if request.direction == Direction::Backward {
            rows.reverse();
        }
        Self { rows, has_more }
    }
}

/// The order of a list: by these columns, all ascending or all descending.
pub struct Ordering {
    pub columns: Vec<SimpleExpr>,
    pub is_descending: bool,
}

impl Ordering {
    /// Whether rows must be read in descending order to page in this direction.
    pub fn reads_descending(&self, direction: Direction) -> bool {
        self.is_descending == (direction == Direction::Forward)
    }

    /// Condition: the row comes after the key with these values.
    pub fn after(&self, values: Vec<SimpleExpr>) -> SimpleExpr {
        let (row, values) = (Expr::tuple(self.columns.clone()), Expr::tuple(values));
        if self.is_descending { row.lt(values) } else { row.gt(values) }
    }

    /// Condition: the row comes before the key with these values.
    pub fn before(&self, values: Vec<SimpleExpr>) -> SimpleExpr {
        let (row, values) = (Expr::tuple(self.columns.clone()), Expr::tuple(values));
        if self.is_descending { row.gt(values) } else { row.lt(values) }
    }

    /// Condition: the row is on this side of the key with these values.
    pub fn on_side(&self, side: Side, values: Vec<SimpleExpr>) -> SimpleExpr {
        match side {
            Side::UpTo => self.after(values).not(),
            Side::From => self.before(values).not(),
        }
    }
}

/// A side of a key in a list. It includes the row at the key itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The rows up to the key.
    UpTo,
    /// The rows from the key on.
    From,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_valid_for_its_own_order_only() {
        let key = PageKey { order: "newest", values: vec![-5, 7], id: Uuid::max() };
        let cursor = key.to_cursor();
        assert_eq!(PageKey::from_cursor(&cursor, "newest", 2), Some(key));
        assert_eq!(PageKey::from_cursor(&cursor, "oldest", 2), None);
        assert_eq!(PageKey::from_cursor(&cursor, "newest", 1), None);
        let far = PageKey { order: "newest", values: vec![1 << 53], id: Uuid::max() };
        assert_eq!(PageKey::from_cursor(&far.to_cursor(), "newest", 1), None);
        for bad in [
            "",
            "x",
            "bmV3ZXN0",
            "bmV3ZXN0OjE6eA",
            &PageKey { values: vec![i64::MIN], ..far.clone() }.to_cursor(),
        ] {
            assert_eq!(PageKey::from_cursor(bad, "newest", 1), None, "{bad}");
        }
    }
}
