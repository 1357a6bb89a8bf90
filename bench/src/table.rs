//! The results: a printed table, and a JSON file.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::Result;
use crate::environment::repository;

/// The bound of a result of gigway, where `other` is the result of the server that it is compared with.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    /// No bound.
    None,
    /// At most this multiple of `other`.
    AtMostTimes(f64),
    /// At most this multiple of `other`, plus a constant.
    AtMostTimesPlus(f64, f64),
    /// At least this multiple of `other`.
    AtLeastTimes(f64),
    /// At most this value.
    AtMost(f64),
}

/// A measurement of gigway and of the server that it is compared with.
#[derive(Debug)]
pub struct Row {
    pub name: &'static str,
    pub unit: &'static str,
    pub gigway: f64,
    pub other: f64,
    pub bound: Bound,
}

/// The results of a benchmark.
#[derive(Debug)]
pub struct Report {
    pub name: &'static str,
    /// What gigway is compared with.
    pub other: &'static str,
    pub settings: Value,
    pub rows: Vec<Row>,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.gigway / self.other
    }

    fn bound(&self) -> String {
        match self.bound {
            Bound::None => String::new(),
            Bound::AtMostTimes(times) => format!("<= {times:.2}"),
            Bound::AtMostTimesPlus(times, plus) => format!("<= {times:.2} and {plus} {}", self.unit),
            Bound::AtLeastTimes(times) => format!(">= {times:.2}"),
            Bound::AtMost(max) => format!("<= {max} {}", self.unit),
        }
    }

    fn is_met(&self) -> Option<bool> {
        match self.bound {
            Bound::None => None,
            Bound::AtMostTimes(times) => Some(self.gigway <= self.other * times),
            Bound::AtMostTimesPlus(times, plus) => Some(self.gigway <= self.other * times + plus),
            Bound::AtLeastTimes(times) => Some(self.gigway >= self.other * times),
            Bound::AtMost(max) => Some(self.gigway <= max),
        }
    }

    fn cells(&self) -> [String; 7] {
        let verdict = self.is_met().map_or("", |is_met| if is_met { "met" } else { "missed" });
        [
            self.name.to_owned(),
            self.unit.to_owned(),
            format!("{:.2}", self.gigway),
            format!("{:.2}", self.other),
            format!("{:.2}", self.ratio()),
            self.bound(),
            verdict.to_owned(),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "unit": self.unit,
            "gigway": self.gigway,
            "other": self.other,
            "ratio": self.ratio(),
            "bound": self.bound(),
            "met": self.is_met(),
        })
    }
}

impl Report {
    /// Prints the table and writes the file.
    pub fn finish(self) -> Result<()> {
        println!("\n{}", self.table());
        let file = self.write()?;
        println!("{}", file.display());
        Ok(())
    }

    fn table(&self) -> String {
        let head = [self.name, "unit", "gigway", self.other, "ratio", "bound", ""].map(str::to_owned);
        let lines: Vec<_> = std::iter::once(head).chain(self.rows.iter().map(Row::cells)).collect();
        let mut widths = [0; 7];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = cell.chars().count().max(*width);
            }
        }
        let aligned = lines.iter().map(|line| {
            let cells = line.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
                // Numbers are right-aligned.
                if (2..5).contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        });
        aligned.collect::<Vec<_>>().join("\n")
    }

    fn write(&self) -> Result<PathBuf> {
        let dir = repository()?.join("bench").join("results");
        std::fs::create_dir_all(&dir)?;
        let rows: Vec<_> = self.rows.iter().map(Row::json).collect();
        let report =
            json!({ "name": self.name, "other": self.other, "settings": self.settings, "rows": rows });
        let file = dir.join(format!("{}.json", self.name));
        std::fs::write(&file, format!("{report:#}\n"))?;
        Ok(file)
    }
}

/// Converts a number below 2^32, which `f64` holds exactly.
pub fn float(number: u64) -> f64 {
    f64::from(u32::try_from(number).expect("counts are below 2^32"))
}

/// The median. NaN if there are no values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
