//! Statistics of each server, printed as a table.

use std::time::Duration;

use serde_json::{Value, json};

use crate::load::LoadResult;
use crate::table::{float, median};

/// Statistics of a server, with a value for each round. The table shows the medians.
#[derive(Debug, Default)]
pub struct ServerStats {
    pub name: String,
    pub rates: Vec<f64>,
    pub p50: Vec<f64>,
    pub p99: Vec<f64>,
    /// Microseconds of processor time for each request: of the server, the database, and the clients.
    processor: [Vec<f64>; 3],
}

impl ServerStats {
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    pub fn add(&mut self, result: &LoadResult, processor: [Duration; 3]) {
        self.rates.push(result.rate);
        self.p50.push(result.p50);
        self.p99.push(result.p99);
        for (times, time) in self.processor.iter_mut().zip(processor) {
            times.push(time.as_secs_f64() * 1_000_000.0 / float(result.requests.max(1)));
        }
    }

    /// The medians: requests per second, p50, p99, and the three processor times.
    fn medians(&self) -> [f64; 6] {
        let [server, database, clients] = self.processor.clone().map(median);
        [
            median(self.rates.clone()),
            median(self.p50.clone()),
            median(self.p99.clone()),
            server,
            database,
            clients,
        ]
    }

    pub fn json(&self) -> Value {
        let [rate, p50, p99, server, database, clients] = self.medians();
        json!({
            "name": self.name, "requestsPerSecond": rate, "p50Milliseconds": p50, "p99Milliseconds": p99,
            "processorMicroseconds": { "server": server, "database": database, "clients": clients },
        })
    }
}

/// Prints the statistics as a table with the first `columns` columns.
pub fn print(title: &str, servers: &[ServerStats], columns: usize) {
    println!();
    let head = ["requests/s", "p50 ms", "p99 ms", "server us", "database us", "clients us"];
    let cells = |cells: Vec<String>| cells.into_iter().take(columns).collect::<String>();
    println!("{title:<16}{}", cells(head.map(|name| format!("{name:>13}")).into()));
    for server in servers {
        println!(
            "{:<16}{}",
            server.name,
            cells(server.medians().map(|number| format!("{number:>13.1}")).into())
        );
    }
}
