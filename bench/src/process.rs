//! Server processes, and their processor time and memory.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::Result;

/// A server process, which is killed when dropped.
pub struct Server {
    process: Child,
    /// The host and port, such as `127.0.0.1:4000`.
    pub address: String,
    /// Kept open, because the server would end if it could not print.
    output: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a gateway with these environment variables only.
    pub fn gigway(variables: &[(&'static str, String)]) -> Result<Self> {
        let mut command = this_program("serve-gigway")?;
        command.env_clear();
        for (name, value) in variables {
            command.env(name, value);
        }
        Self::start(command)
    }

    /// Starts the baseline server.
    pub fn baseline() -> Result<Self> {
        Self::start(this_program("serve-baseline")?)
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Starts a server, and waits until it prints its address.
    pub fn start(mut command: Command) -> Result<Self> {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = BufReader::new(process.stdout.take().expect("stdout is piped"));
        let mut server = Self { process, address: String::new(), output };
        let mut line = String::new();
        while server.address.is_empty() {
            line.clear();
            if server.output.read_line(&mut line)? == 0 {
                let status = server.process.wait()?;
                return Err(format!("a server ended before it was ready: {status}").into());
            }
            if let Some((_, rest)) = line.split_once("http://") {
                rest.split(['/', ' ', '\n']).next().unwrap_or_default().clone_into(&mut server.address);
            }
        }
        Ok(server)
    }

    /// The processor time of the process so far.
    pub fn processor_time(&self) -> Result<Duration> {
        Ok(Stat::of(self.process.id())?.own_time)
    }

    /// The processor time of the process and its descendants so far.
    pub fn tree_time(&self) -> Result<Duration> {
        tree_time(self.process.id())
    }

    /// The resident memory in KiB.
    pub fn memory(&self) -> Result<u64> {
        self.status("VmRSS:")
    }

    /// The peak of the resident memory in KiB since [`reset_peak`](Self::reset_peak).
    pub fn peak_memory(&self) -> Result<u64> {
        self.status("VmHWM:")
    }

    /// Resets the peak to the current memory.
    pub fn reset_peak(&self) -> Result<()> {
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

/// The processor time of this process so far.
pub fn own_processor_time() -> Result<Duration> {
    Ok(Stat::of(std::process::id())?.own_time)
}

fn this_program(command: &str) -> Result<Command> {
    let mut program = Command::new(std::env::current_exe()?);
    program.arg(command);
    Ok(program)
}

/// A part of `/proc/PID/stat`.
struct Stat {
    parent: u32,
    /// The processor time of the process itself.
    own_time: Duration,
    /// The processor time of its children that have ended.
    ended_children_time: Duration,
}

impl Stat {
    fn of(id: u32) -> Result<Self> {
        let path = format!("/proc/{id}/stat");
        let stat = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        // The second field is the program name in parentheses, which may contain spaces. Field 4 is the
        // parent. Fields 14 and 15 are the ticks of the process in user mode and in the kernel, and fields 16
        // and 17 those of its children that have ended.
        let (_, fields) = stat.rsplit_once(')').ok_or("/proc/PID/stat has no name")?;
        let fields: Vec<_> = fields.split_whitespace().collect();
        let number = |field: usize| -> Result<u64> {
            Ok(fields.get(field - 3).ok_or("/proc/PID/stat is too short")?.parse()?)
        };
        let time =
            |ticks: u64| Duration::from_micros(ticks * 1_000_000 / rustix::param::clock_ticks_per_second());
        Ok(Self {
            parent: u32::try_from(number(4)?)?,
            own_time: time(number(14)? + number(15)?),
            ended_children_time: time(number(16)? + number(17)?),
        })
    }
}

/// The id of the parent process.
pub fn parent(id: u32) -> Result<u32> {
    Ok(Stat::of(id)?.parent)
}

/// The processor time of a process and its descendants.
pub fn tree_time(id: u32) -> Result<Duration> {
    let mut processes = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        // A process that has ended meanwhile is skipped: its time is in the `ended_children_time` of its
        // parent.
        if let Some(id) = name.to_str().and_then(|name| name.parse().ok())
            && let Ok(stat) = Stat::of(id)
        {
            processes.push((id, stat));
        }
    }
    let (mut total, mut tree) = (Duration::ZERO, vec![id]);
    while let Some(id) = tree.pop() {
        if let Some((_, stat)) = processes.iter().find(|(other, _)| *other == id) {
            total += stat.own_time + stat.ended_children_time;
        }
        tree.extend(processes.iter().filter(|(_, stat)| stat.parent == id).map(|(id, _)| *id));
    }
    Ok(total)
}
