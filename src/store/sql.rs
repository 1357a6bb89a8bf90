//! A builder of SQL text with bound values, for the lists of gigs.
//!
//! SeaORM's builder binds every value, including those that must be constants. PostgreSQL plans a prepared
//! statement well only if its text has the status and the LIMIT as constants: then it knows that a partial
//! index applies, and how few rows are needed (docs/PERFORMANCE.md has the measurements).

use sea_orm::{DbBackend, Statement, Value};

/// A statement under construction. Text passed to `push` and `push_list` must never come from a client.
pub(super) struct Sql {
    pub backend: DbBackend,
    text: String,
    values: Vec<Value>,
}

impl Sql {
    pub fn new(backend: DbBackend) -> Self {
        Self { backend, text: String::with_capacity(1024), values: Vec::new() }
    }

    /// Appends SQL text.
    pub fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Appends the items, separated by commas.
    pub fn push_list<T: AsRef<str>>(&mut self, items: impl IntoIterator<Item = T>) -> &mut Self {
        for (number, item) in items.into_iter().enumerate() {
            self.push(if number == 0 { "" } else { ", " }).push(item.as_ref());
        }
        self
    }

    /// Appends a number as a constant.
    pub fn push_number(&mut self, number: u64) -> &mut Self {
        self.push(&number.to_string())
    }

    /// Binds a value and appends its placeholder.
    pub fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        let prefix = if self.backend == DbBackend::Postgres { "$" } else { "?" };
        let number = self.values.len() as u64;
        self.push(prefix).push_number(number)
    }

    /// Binds the values and appends their placeholders as a list in parentheses, for `IN`. An empty list
    /// becomes `(NULL)`, which matches nothing.
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
    fn each_bound_value_gets_a_placeholder() {
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
