//! What was measured of each server, as a table.

use std::time::Duration;

use serde_json::{Value, json};

use super::load::ImageView;
use crate::table::{float, median};

/// What is known of one server: a line of the table, of rounds the median.
#[derive(Debug, Default)]
pub struct Line {
    pub name: String,
    pub rates: Vec<f64>,
    pub p50: Vec<f64>,
    pub p99: Vec<f64>,
    /// Microseconds of processor time for each request: the server's, the database's, the clients'.
    processor: [Vec<f64>; 3],
}

impl Line {
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    pub fn add(&mut self, seen: &ImageView, processor: [Duration; 3]) {
        self.rates.push(seen.rate);
        self.p50.push(seen.p50);
        self.p99.push(seen.p99);
        for (all, time) in self.processor.iter_mut().zip(processor) {
            all.push(time.as_secs_f64() * 1_000_000.0 / float(seen.requests.max(1)));
        }
    }

    /// Its numbers: requests in a second, p50, p99, and the processor time of each process.
    fn numbers(&self) -> [f64; 6] {
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
        let [rate, p50, p99, server, database, clients] = self.numbers();
        json!({
            "name": self.name, "requestsPerSecond": rate, "p50Milliseconds": p50, "p99Milliseconds": p99,
            "processorMicroseconds": { "server": server, "database": database, "clients": clients },
        })
    }
}

/// The first so many numbers of each line.
pub fn print(what: &str, lines: &[Line], columns: usize) {
    println!();
    let head = ["requests/s", "p50 ms", "p99 ms", "server us", "database us", "clients us"];
    let cells = |cells: Vec<String>| cells.into_iter().take(columns).collect::<String>();
    println!("{what:<16}{}", cells(head.map(|name| format!("{name:>13}")).into()));
    for line in lines {
        println!("{:<16}{}", line.name, cells(line.numbers().map(|number| format!("{number:>13.1}")).into()));
    }
}
