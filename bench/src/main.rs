//! Measures gigway beside a server that is the limit of what is possible, in one run. See bench/README.md.
#![forbid(unsafe_code)]

mod arguments;
mod bare;
mod browse;
mod client;
mod crowd;
mod fanout;
mod latency;
mod limits;
mod open_files;
mod pgbench;
mod process;
mod resume;
mod surroundings;
mod table;
mod transitions;
mod world;

use std::process::ExitCode;

use clap::Parser;

use self::arguments::{Arguments, Command};

/// Why a measurement was not made.
type Failure = Box<dyn std::error::Error + Send + Sync>;

type Result<T> = std::result::Result<T, Failure>;

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    if command.measures() && !surroundings::complete() {
        return surroundings::run_again().unwrap_or_else(|failure| failed(&failure));
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    runtime.block_on(run(command))
}

async fn run(command: Command) -> ExitCode {
    let measured = match command {
        Command::ServeGigway => return serve_gigway().await,
        Command::ServeBare => return served(bare::serve().await),
        Command::Browse { million } => Box::pin(browse::run(million)).await,
        Command::Fanout { sockets, rounds } => Box::pin(fanout::run(sockets, rounds)).await,
        Command::Latency => Box::pin(latency::run()).await,
        Command::Limits => Box::pin(limits::run()).await,
        Command::Resume => Box::pin(resume::run()).await,
        Command::Transitions => Box::pin(transitions::run()).await,
    };
    match measured.and_then(table::Report::finish) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failed(&failure),
    }
}

/// `gigway serve`, as the environment configures it.
async fn serve_gigway() -> ExitCode {
    gigway::cli::run(gigway::cli::Cli::parse_from(["gigway", "serve"])).await
}

fn served(served: Result<()>) -> ExitCode {
    served.map_or_else(|failure| failed(&failure), |()| ExitCode::SUCCESS)
}

fn failed(failure: &Failure) -> ExitCode {
    eprintln!("bench: {failure}");
    ExitCode::FAILURE
}
