//! Benchmarks gigway against a baseline server and other servers, in one run on one machine. See
//! bench/README.md.
//!
//! To add a benchmark, add a command in `arguments` and a module with `run() -> Result<Report>`, call it
//! here, and describe it in bench/README.md.
#![forbid(unsafe_code)]

/// `serve-gigway` runs the gateway inside this program, so this is the allocator of `gigway`, too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod arguments;
mod baseline;
mod browse;
mod catalog;
mod client;
mod deployment;
mod environment;
mod fanout;
mod images;
mod latency;
mod limits;
mod load;
mod open_files;
mod pgbench;
mod process;
mod resume;
mod subscribers;
mod table;
mod transitions;

use std::process::ExitCode;

use clap::Parser;

use self::arguments::{Arguments, Command};

/// Why a benchmark could not be run.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

type Result<T> = std::result::Result<T, BoxError>;

fn main() -> ExitCode {
    // As the gateway does.
    gigway::app::memory_pages::use_small_pages();
    let command = Arguments::parse().command;
    if command.needs_servers() && !environment::has_servers() {
        return environment::run_with_servers().unwrap_or_else(|error| report_failure(&error));
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report_failure(&error.into()),
    };
    runtime.block_on(run(command))
}

async fn run(command: Command) -> ExitCode {
    let report = match command {
        Command::ServeGigway => return serve_gigway().await,
        Command::ServeBaseline => return exit_code(baseline::serve().await),
        Command::Browse { million } => Box::pin(browse::run(million)).await,
        Command::Fanout { sockets, rounds } => Box::pin(fanout::run(sockets, rounds)).await,
        Command::Images => images::run(),
        Command::Latency => Box::pin(latency::run()).await,
        Command::Limits => Box::pin(limits::run()).await,
        Command::Resume => Box::pin(resume::run()).await,
        Command::Transitions => Box::pin(transitions::run()).await,
    };
    match report.and_then(table::Report::finish) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report_failure(&error),
    }
}

/// Runs `gigway serve`, configured by environment variables.
async fn serve_gigway() -> ExitCode {
    gigway::cli::run(gigway::cli::Cli::parse_from(["gigway", "serve"])).await
}

fn exit_code(result: Result<()>) -> ExitCode {
    result.map_or_else(|error| report_failure(&error), |()| ExitCode::SUCCESS)
}

fn report_failure(error: &BoxError) -> ExitCode {
    eprintln!("bench: {error}");
    ExitCode::FAILURE
}
