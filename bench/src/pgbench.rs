//! Runs pgbench, which comes with PostgreSQL, to measure the minimal cost of SQL statements.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Result;

/// Runs pgbench with prepared statements. Returns the transactions per second.
pub fn run(database_url: &str, arguments: &[String]) -> Result<f64> {
    let program = find_program();
    let output = Command::new(&program)
        .args(["-n", "-M", "prepared"])
        .args(arguments)
        .arg(database_url)
        .output()
        .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let rate = stdout.lines().find_map(|line| line.strip_prefix("tps = "));
    let rate = rate.and_then(|rest| rest.split(' ').next()).and_then(|rate| rate.parse().ok());
    match rate {
        Some(rate) if output.status.success() => Ok(rate),
        _ => Err(format!("pgbench failed: {stdout}{}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// Reads the latencies in microseconds from the log of a run with `-l` and this prefix. Skips transactions
/// that ended within `warmup` after the first.
pub fn latencies(log_prefix: &Path, warmup: Duration) -> Result<Vec<u32>> {
    let name =
        log_prefix.file_name().ok_or("the log prefix has no file name")?.to_string_lossy().into_owned();
    let mut all = Vec::new();
    for entry in std::fs::read_dir(log_prefix.parent().ok_or("the log prefix has no directory")?)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&name) {
            let log = std::fs::read_to_string(entry.path())?;
            // The client, the number of the transaction, its latency, the script, and when it ended.
            for line in log.lines() {
                let fields: Vec<_> = line.split(' ').collect();
                let [_, _, latency, _, seconds, micros] = fields[..] else {
                    return Err("an invalid line in the log of pgbench".into());
                };
                let ended = Duration::from_secs(seconds.parse()?) + Duration::from_micros(micros.parse()?);
                all.push((ended, latency.parse::<u32>()?));
            }
        }
    }
    let first_end = all.iter().map(|(ended, _)| *ended).min().ok_or("the log of pgbench is empty")?;
    Ok(all
        .into_iter()
        .filter(|(ended, _)| *ended >= first_end + warmup)
        .map(|(_, latency)| latency)
        .collect())
}

/// The path of pgbench. Debian installs it in a directory for each major version; the newest is used. On
/// other systems, it is found on PATH.
fn find_program() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let programs = versions.filter_map(|version| {
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        Some((number, version.path().join("bin").join("pgbench")))
    });
    let newest = programs.filter(|(_, program)| program.is_file()).max();
    newest.map_or_else(|| PathBuf::from("pgbench"), |(_, program)| program)
}
