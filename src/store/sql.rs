//! SQL as text with its values, for the statements that browsing sends.
//!
//! Not by SeaORM's builder: it binds everything, also what must be a constant. PostgreSQL plans a prepared statement
//! once and for all only where it sees that `status = 'ACTIVE'` fits the index and how few rows LIMIT leaves
//! (docs/PERFORMANCE.md has the figures).

use sea_orm::{DbBackend, Statement, Value};

pub(super) struct Sql {
    pub backend: DbBackend,
    text: String,
    values: Vec<Value>,
}

impl Sql {
    pub fn new(backend: DbBackend) -> Self {
        Self { backend, text: String::with_capacity(1024), values: Vec::new() }
    }

    /// Writes text, which must be ours.
    pub fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Writes what comes between these, which must be ours.
    pub fn push_list<T: AsRef<str>>(&mut self, items: impl IntoIterator<Item = T>) -> &mut Self {
        for (number, item) in items.into_iter().enumerate() {
            self.push(if number == 0 { "" } else { ", " }).push(item.as_ref());
        }
        self
    }

    /// Writes a number of ours as a constant.
    pub fn push_number(&mut self, number: u64) -> &mut Self {
        self.push(&number.to_string())
    }

    /// Writes a place for a value.
    pub fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        let sign = if self.backend == DbBackend::Postgres { "$" } else { "?" };
        let number = self.values.len() as u64;
        self.push(sign).push_number(number)
    }

    /// Writes a list in brackets, with a place for each value. None at all fit an empty one.
    pub fn bind_list<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) -> &mut Self {
        self.push("(");
        for (number, value) in values.into_iter().enumerate() {
            self.push(if number == 0 { "" } else { ", " }).bind(value);
        }
        if self.text.ends_with('(') {
            self.push("NULL");
        }
        self.push(")")
    }

    pub fn into_statement(self) -> Statement {
        Statement::from_sql_and_values(self.backend, self.text, self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_place() {
        let mut sql = Sql::new(DbBackend::Postgres);
        sql.push("SELECT 1 WHERE a IN ")
            .bind_list([1, 2])
            .push(" AND b = ")
            .bind("x")
            .push(" LIMIT ")
            .push_number(3);
        let statement = sql.into_statement();
        assert_eq!(statement.sql, "SELECT 1 WHERE a IN ($1, $2) AND b = $3 LIMIT 3");
        assert_eq!(statement.values.map(|values| values.0.len()), Some(3));
        let mut sql = Sql::new(DbBackend::Sqlite);
        sql.push("b = ").bind(7).push(" AND a IN ").bind_list(Vec::<i32>::new());
        assert_eq!(sql.into_statement().sql, "b = ?1 AND a IN (NULL)");
    }
}
