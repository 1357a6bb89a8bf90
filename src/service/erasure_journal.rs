//! The journal of erasures: a file outside the database that has ids and times only.
//!
//! A restored backup brings back users who were erased after it was made. The journal says who they are. Each
//! erasure appends a line, such as `2026-11-28T12:00:00.000Z ERASED usr_01..`. The line is on the disk before
//! the erasure is committed. If it was certainly not committed, a line `RETRACTED` follows. If the process dies before
//! either, the next start of a gateway erases the user.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};

use crate::domain::id::{PublicId, UserId};

const ERASED: &str = "ERASED";
const RETRACTED: &str = "RETRACTED";

/// The file of the journal.
#[derive(Debug)]
pub struct ErasureJournal {
    path: PathBuf,
}

impl ErasureJournal {
    /// The journal in this file, which is created by the first erasure.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Returns the users who were erased, in no particular order.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn read(&self) -> io::Result<Vec<UserId>> {
        let path = self.path.clone();
        run_blocking(move || match std::fs::read_to_string(&path) {
            Ok(text) => Ok(parse(&text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(describe(&path, &error)),
        })
        .await
    }

    /// Appends erasures, and waits until they are on the disk.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn append_erased(&self, erased: &[(UserId, DateTime<Utc>)]) -> io::Result<()> {
        let lines = erased.iter().fold(String::new(), |lines, (id, at)| lines + &line(ERASED, *id, *at));
        self.append(lines).await
    }

    /// Appends that an erasure was not committed.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn append_retracted(&self, user_id: UserId, at: DateTime<Utc>) -> io::Result<()> {
        self.append(line(RETRACTED, user_id, at)).await
    }

    async fn append(&self, lines: String) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let path = self.path.clone();
        run_blocking(move || append(&path, &lines).map_err(|error| describe(&path, &error))).await
    }
}

async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// The error with the path, for the operator.
fn describe(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("the erasure journal {}: {error}", path.display()))
}

fn line(what: &str, user_id: UserId, at: DateTime<Utc>) -> String {
    let mut line = String::new();
    let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    writeln!(line, "{at} {what} {}", user_id.to_public()).expect("a string accepts text");
    line
}

/// The users whose last line says that they were erased. A line that is not complete was interrupted, and its
/// erasure was never committed.
fn parse(text: &str) -> Vec<UserId> {
    let mut erased = BTreeSet::new();
    for (number, line) in text.lines().enumerate() {
        let mut words = line.split(' ').skip(1);
        match (words.next(), words.next().and_then(UserId::parse)) {
            (Some(ERASED), Some(id)) => {
                erased.insert(id);
            }
            (Some(RETRACTED), Some(id)) => {
                erased.remove(&id);
            }
            _ if line.is_empty() => {}
            _ => tracing::warn!(line = number + 1, "erasure journal line skipped: it is malformed"),
        }
    }
    erased.into_iter().collect()
}

fn append(path: &Path, lines: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let is_new = !path.exists();
    let mut options = File::options();
    options.create(true).append(true).read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // One write, so that lines of two processes do not mix. It begins a new line if the last one is incomplete.
    let start = if ends_with_line_break(&mut file)? { "" } else { "\n" };
    file.write_all(format!("{start}{lines}").as_bytes())?;
    file.sync_all()?;
    if is_new && let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        // The name of the new file must be on the disk, too.
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

/// Whether the file is empty or ends with a line break.
fn ends_with_line_break(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn user(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    #[tokio::test]
    async fn erasures_are_read_back_and_an_interrupted_line_is_skipped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/erasures.log");
        let journal = ErasureJournal::new(path.clone());
        assert_eq!(journal.read().await.unwrap(), []);
        let now = DateTime::UNIX_EPOCH;
        journal.append_erased(&[(user(1), now), (user(2), now)]).await.unwrap();
        journal.append_retracted(user(2), now).await.unwrap();
        let mut interrupted = std::fs::read(&path).unwrap();
        interrupted.extend(b"2026-11-28T12:00:00.000Z ERASED usr_01h4");
        std::fs::write(&path, interrupted).unwrap();
        journal.append_erased(&[(user(3), now)]).await.unwrap();
        assert_eq!(journal.read().await.unwrap(), [user(1), user(3)]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
