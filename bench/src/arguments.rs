//! The command line.

use clap::{Parser, Subcommand};

/// Benchmarks gigway against a baseline server and other servers.
#[derive(Parser, Debug)]
#[command(name = "bench", max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

/// The benchmark to run.
#[derive(Subcommand, Debug, Clone, Copy)]
pub enum Command {
    /// The most frequent page, compared with PostgreSQL alone, HTTP alone, Mercurius and PostGraphile
    Browse {
        /// Also with 1,000,000 gigs, and the memory after 1,000,000 distinct queries
        #[arg(long)]
        million: bool,
    },
    /// Processor time of one delivered event, and memory of one idle subscriber
    Fanout {
        /// Subscribers of each server
        #[arg(long, default_value_t = 9_000, value_parser = clap::value_parser!(u32).range(1..))]
        sockets: u32,
        /// Rounds of each server; the result is the median
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
    },
    /// Processor time of storing a photograph of 12 megapixels, with and without its smaller widths
    Images,
    /// Time from a change at one gateway to the subscribers of another
    Latency,
    /// Processor time and memory of requests that are far beyond the limits
    Limits,
    /// Time until reconnected subscribers have received all missed events
    Resume,
    /// Decisions per second, compared with the same SQL in pgbench
    Transitions,
    /// Runs a gateway
    #[command(hide = true)]
    ServeGigway,
    /// Runs the baseline server
    #[command(hide = true)]
    ServeBaseline,
}

impl Command {
    /// Whether this is a benchmark that needs PostgreSQL and Redis, and not a server that a benchmark has started.
    pub fn needs_servers(self) -> bool {
        !matches!(self, Self::Images | Self::ServeGigway | Self::ServeBaseline)
    }
}
