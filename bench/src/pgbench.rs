//! pgbench, which comes with PostgreSQL: the least that a statement costs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Result;

/// Runs pgbench with these arguments on this database, its statements prepared; how many transactions in a second.
pub fn run(database_url: &str, arguments: &[String]) -> Result<f64> {
    let program = find();
    let output = Command::new(&program)
        .args(["-n", "-M", "prepared"])
        .args(arguments)
        .arg(database_url)
        .output()
        .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
    let told = String::from_utf8_lossy(&output.stdout);
    let rate = told.lines().find_map(|line| line.strip_prefix("tps = "));
    let rate = rate.and_then(|rest| rest.split(' ').next()).and_then(|rate| rate.parse().ok());
    match rate {
        Some(rate) if output.status.success() => Ok(rate),
        _ => Err(format!("pgbench failed: {told}{}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// The microseconds that each transaction took, of a run with `-l` and this prefix, but for those that ended within `warm`
/// of the first.
pub fn took(log_prefix: &Path, warm: Duration) -> Result<Vec<u32>> {
    let name = log_prefix.file_name().ok_or("a prefix has a name")?.to_string_lossy().into_owned();
    let mut all = Vec::new();
    for entry in std::fs::read_dir(log_prefix.parent().ok_or("a prefix has a folder")?)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&name) {
            let log = std::fs::read_to_string(entry.path())?;
            // The client, the number of the transaction, its time, the script, and when it ended.
            for line in log.lines() {
                let fields: Vec<_> = line.split(' ').collect();
                let [_, _, took, _, seconds, micros] = fields[..] else {
                    return Err("a line of no time".into());
                };
                let ended = Duration::from_secs(seconds.parse()?) + Duration::from_micros(micros.parse()?);
                all.push((ended, took.parse::<u32>()?));
            }
        }
    }
    let begun = all.iter().map(|(ended, _)| *ended).min().ok_or("pgbench has logged nothing")?;
    Ok(all.into_iter().filter(|(ended, _)| *ended >= begun + warm).map(|(_, took)| took).collect())
}

/// Debian keeps it beside the server, one folder for each major version: the newest. Else the one on PATH.
fn find() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let programs = versions.filter_map(|version| {
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        Some((number, version.path().join("bin").join("pgbench")))
    });
    let newest = programs.filter(|(_, program)| program.is_file()).max();
    newest.map_or_else(|| PathBuf::from("pgbench"), |(_, program)| program)
}
