//! Servers as processes of their own, and what they use.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::Result;

/// A server, ended with this value.
pub struct Server {
    process: Child,
    /// Where it listens, such as `127.0.0.1:4000`.
    pub address: String,
    /// Kept open: a server that cannot print would end.
    output: BufReader<ChildStdout>,
}

impl Server {
    /// A gateway, configured by these variables and nothing else of the environment.
    pub fn gigway(variables: &[(&'static str, String)]) -> Result<Self> {
        let mut command = this_program("serve-gigway")?;
        command.env_clear();
        for (name, value) in variables {
            command.env(name, value);
        }
        Self::start(command)
    }

    /// The server beside it.
    pub fn bare() -> Result<Self> {
        Self::start(this_program("serve-bare")?)
    }

    /// The address of something that it serves over HTTP.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits until it says where it listens.
    pub fn start(mut command: Command) -> Result<Self> {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut server = Self { process, address: String::new(), output };
        let mut line = String::new();
        while server.address.is_empty() {
            line.clear();
            if server.output.read_line(&mut line)? == 0 {
                let status = server.process.wait()?;
                return Err(format!("a server ended before it served: {status}").into());
            }
            if let Some((_, rest)) = line.split_once("http://") {
                rest.split(['/', ' ', '\n']).next().unwrap_or_default().clone_into(&mut server.address);
            }
        }
        Ok(server)
    }

    /// The processor time that it has used so far.
    pub fn processor_time(&self) -> Result<Duration> {
        Ok(Stat::of(self.process.id())?.used)
    }

    /// The same, with what the processes that it has started have used.
    pub fn tree_time(&self) -> Result<Duration> {
        tree_time(self.process.id())
    }

    /// The KiB of its memory that are resident.
    pub fn memory(&self) -> Result<u64> {
        self.status("VmRSS:")
    }

    /// The most KiB that were, since [`forget_peak`](Self::forget_peak).
    pub fn peak_memory(&self) -> Result<u64> {
        self.status("VmHWM:")
    }

    /// From now on the most is what it has now.
    pub fn forget_peak(&self) -> Result<()> {
        Ok(std::fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5")?)
    }

    fn status(&self, name: &str) -> Result<u64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let line = line.ok_or_else(|| format!("/proc/PID/status has no {name}"))?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }

    fn read(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.process.id());
        std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}").into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn this_program(command: &str) -> Result<Command> {
    let mut program = Command::new(std::env::current_exe()?);
    program.arg(command);
    Ok(program)
}

/// What `/proc/PID/stat` says of a process.
struct Stat {
    parent: u32,
    /// By itself.
    used: Duration,
    /// By children that have ended.
    used_by_ended: Duration,
}

impl Stat {
    fn of(id: u32) -> Result<Self> {
        let path = format!("/proc/{id}/stat");
        let stat = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        // The second field is the program's name in brackets, which may hold blanks. The 4th is the parent; the 14th to
        // the 17th are ticks, in user mode and in the kernel, its own and those of children that have ended.
        let (_, fields) = stat.rsplit_once(')').ok_or("/proc/PID/stat has no name")?;
        let fields: Vec<_> = fields.split_whitespace().collect();
        let number = |field: usize| -> Result<u64> {
            Ok(fields.get(field - 3).ok_or("/proc/PID/stat is too short")?.parse()?)
        };
        let time =
            |ticks: u64| Duration::from_micros(ticks * 1_000_000 / rustix::param::clock_ticks_per_second());
        Ok(Self {
            parent: u32::try_from(number(4)?)?,
            used: time(number(14)? + number(15)?),
            used_by_ended: time(number(16)? + number(17)?),
        })
    }
}

/// Who has started a process.
pub fn parent(id: u32) -> Result<u32> {
    Ok(Stat::of(id)?.parent)
}

/// The processor time of a process and of all that it has started.
pub fn tree_time(id: u32) -> Result<Duration> {
    let mut processes = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        // One that has ended meanwhile counts for its parent.
        if let Some(id) = name.to_str().and_then(|name| name.parse().ok())
            && let Ok(stat) = Stat::of(id)
        {
            processes.push((id, stat));
        }
    }
    let (mut used, mut tree) = (Duration::ZERO, vec![id]);
    while let Some(id) = tree.pop() {
        if let Some((_, stat)) = processes.iter().find(|(other, _)| *other == id) {
            used += stat.used + stat.used_by_ended;
        }
        tree.extend(processes.iter().filter(|(_, stat)| stat.parent == id).map(|(id, _)| *id));
    }
    Ok(used)
}
