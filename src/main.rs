//! The `gigway` binary.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Duration;

use gigway::app::memory_pages;
use gigway::cli;

/// mimalloc returns the memory of closed sockets, even if the memory next to it is still used by open ones.
/// Thousands of sockets come and go.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long the process waits, before it exits, for tasks on blocking threads, which cannot be cancelled.
const BLOCKING_TASKS_TIMEOUT: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    memory_pages::use_small_pages();
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("gigway: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(cli::run(cli));
    runtime.shutdown_timeout(BLOCKING_TASKS_TIMEOUT);
    code
}
