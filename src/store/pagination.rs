//! Keyset paging: a page begins after a row, not after a number of rows, so that it stays right while
//! rows come and go.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use uuid::Uuid;

/// Where a row stands in its list: the values the list is ordered by, then its id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageKey {
    /// Names the order, so that a cursor of one order is not taken for one of another.
    pub order: &'static str,
    pub values: Vec<i64>,
    pub id: Uuid,
}

/// Beyond every value that a list is ordered by: as microseconds, the year 2255.
const VALUE_BOUND: u64 = 1 << 53;

impl PageKey {
    /// The cursor that clients hold.
    pub fn to_cursor(&self) -> String {
        let values: Vec<_> = self.values.iter().map(i64::to_string).collect();
        let text = format!("{}:{}:{}", self.order, values.join(","), self.id.simple());
        BASE64_URL_SAFE_NO_PAD.encode(text)
    }

    /// Reads a cursor of a list ordered by `order`, whose keys have `len` values; `None` where it is none.
    pub fn from_cursor(cursor: &str, order: &'static str, len: usize) -> Option<Self> {
        let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let mut parts = text.split(':');
        let (found, values, id) = (parts.next()?, parts.next()?, parts.next()?);
        if found != order || parts.next().is_some() {
            return None;
        }
        let values: Vec<i64> = values.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
        let id = Uuid::try_parse(id).ok()?;
        // No list of ours has a value beyond these, and not every database could compare one.
        let fits = values.iter().all(|value| value.unsigned_abs() < VALUE_BOUND);
        (fits && values.len() == len).then_some(Self { order, values, id })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// `first` rows after `after`.
    Forward,
    /// `last` rows before `before`.
    Backward,
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageRequest {
    pub size: u64,
    pub paging: Direction,
    pub after: Option<PageKey>,
    pub before: Option<PageKey>,
}

/// A part of a list, in the list's order.
#[derive(Debug, Clone)]
pub struct Page<T> {
    pub rows: Vec<(PageKey, T)>,
    /// Whether rows follow in the direction of paging, within the bounds asked for.
    pub more: bool,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), more: false }
    }
}

impl<T> Page<T> {
    /// Makes the page of what was found by asking, in paging direction, for one row more than its size.
    pub fn of_found(mut rows: Vec<(PageKey, T)>, request: &PageRequest) -> Self {
        let size = usize::try_from(request.size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        if request.paging == Direction::Backward {
            rows.reverse();
        }
        Self { rows, more }
    }
}

/// A list's order: its columns, all one way, and what a key's values are compared with.
pub struct Ordering {
    pub columns: Vec<SimpleExpr>,
    pub descending: bool,
}

impl Ordering {
    /// Whether rows must be fetched in descending order to page this way.
    pub fn fetches_descending(&self, paging: Direction) -> bool {
        self.descending == (paging == Direction::Forward)
    }

    /// The rows that stand behind `values` in the list.
    pub fn behind(&self, values: Vec<SimpleExpr>) -> SimpleExpr {
        let (row, values) = (Expr::tuple(self.columns.clone()), Expr::tuple(values));
        if self.descending { row.lt(values) } else { row.gt(values) }
    }

    /// The rows that stand in front of `values` in the list.
    pub fn in_front_of(&self, values: Vec<SimpleExpr>) -> SimpleExpr {
        let (row, values) = (Expr::tuple(self.columns.clone()), Expr::tuple(values));
        if self.descending { row.gt(values) } else { row.lt(values) }
    }

    /// The row at `values`, and those on that side of it.
    pub fn on(&self, side: Side, values: Vec<SimpleExpr>) -> SimpleExpr {
        match side {
            Side::UpTo => self.behind(values).not(),
            Side::From => self.in_front_of(values).not(),
        }
    }
}

/// Which rows a page leaves out on the side it does not page towards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Those up to the cursor a page begins after.
    UpTo,
    /// Those from the cursor a page ends before.
    From,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_in_its_own_order_only() {
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
