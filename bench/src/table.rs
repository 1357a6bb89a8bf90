//! The results: a table for people, a file for programs.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::Result;
use crate::surroundings::repository;

/// What gigway's value may be.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    /// Told, and not judged.
    None,
    /// So many times the other, at most.
    Times(f64),
    /// So many times the other and so much more, at most.
    TimesAnd(f64, f64),
    /// So many times the other, at least.
    AtLeast(f64),
    /// This, at most, whatever the other's is.
    Within(f64),
}

/// One thing measured of both.
#[derive(Debug)]
pub struct Row {
    pub name: &'static str,
    pub unit: &'static str,
    pub gigway: f64,
    pub other: f64,
    pub bound: Bound,
}

/// One run.
#[derive(Debug)]
pub struct Report {
    pub name: &'static str,
    /// What gigway was measured beside.
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
            Bound::Times(times) => format!("<= {times:.2}"),
            Bound::TimesAnd(times, more) => format!("<= {times:.2} and {more} {}", self.unit),
            Bound::AtLeast(times) => format!(">= {times:.2}"),
            Bound::Within(most) => format!("<= {most} {}", self.unit),
        }
    }

    fn met(&self) -> Option<bool> {
        match self.bound {
            Bound::None => None,
            Bound::Times(times) => Some(self.gigway <= self.other * times),
            Bound::TimesAnd(times, more) => Some(self.gigway <= self.other * times + more),
            Bound::AtLeast(times) => Some(self.gigway >= self.other * times),
            Bound::Within(most) => Some(self.gigway <= most),
        }
    }

    fn cells(&self) -> [String; 7] {
        let met = self.met().map_or("", |met| if met { "met" } else { "missed" });
        [
            self.name.to_owned(),
            self.unit.to_owned(),
            format!("{:.2}", self.gigway),
            format!("{:.2}", self.other),
            format!("{:.2}", self.ratio()),
            self.bound(),
            met.to_owned(),
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
            "met": self.met(),
        })
    }
}

impl Report {
    /// Prints the table, and writes the file.
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
                // Numbers to the right.
                if (2..5).contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        });
        aligned.collect::<Vec<_>>().join("\n")
    }

    fn write(&self) -> Result<PathBuf> {
        let folder = repository()?.join("bench").join("results");
        std::fs::create_dir_all(&folder)?;
        let rows: Vec<_> = self.rows.iter().map(Row::json).collect();
        let report =
            json!({ "name": self.name, "other": self.other, "settings": self.settings, "rows": rows });
        let file = folder.join(format!("{}.json", self.name));
        std::fs::write(&file, format!("{report:#}\n"))?;
        Ok(file)
    }
}

/// A number below four billion, as one that can be divided.
pub fn float(number: u64) -> f64 {
    f64::from(u32::try_from(number).expect("nothing that is counted here is larger"))
}

/// The middle one of what rounds gave.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
