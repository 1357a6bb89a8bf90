//! Every row of every table as text.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

/// Every row of every table of the database, with bytes in hexadecimal.
pub async fn table_dump(db: &DatabaseConnection) -> String {
    let backend = db.get_database_backend();
    let query = async |sql: String| {
        let rows = db.query_all_raw(Statement::from_string(backend, sql.clone())).await;
        let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.iter().map(|row| row.try_get_by_index::<String>(0).expect("text")).collect::<Vec<_>>()
    };
    let tables = match backend {
        DbBackend::Postgres => "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'",
        _ => "SELECT name FROM sqlite_master WHERE type = 'table'",
    };
    let mut dump = String::new();
    for table in query(tables.to_owned()).await {
        let rows = if backend == DbBackend::Postgres {
            query(format!("SELECT row_to_json(t)::text FROM \"{table}\" t")).await
        } else {
            let columns = query(format!("SELECT name FROM pragma_table_info('{table}')")).await;
            let columns: Vec<_> = columns.iter().map(|name| format!("quote(\"{name}\")")).collect();
            query(format!("SELECT {} FROM \"{table}\"", columns.join(" || ', ' || "))).await
        };
        dump = format!("{dump}{table}: {}\n", rows.join("\n"));
    }
    dump
}

/// Whether the dump contains the text, as text or as bytes, ignoring the case.
pub fn contains_text(dump: &str, text: &str) -> bool {
    let (dump, text) = (dump.to_lowercase(), text.to_lowercase());
    let digits = text.bytes().flat_map(|byte| [byte >> 4, byte & 15]);
    let hexadecimal: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
    dump.contains(&text) || dump.contains(&hexadecimal)
}
