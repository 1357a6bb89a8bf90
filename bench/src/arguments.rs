//! The command line.

use clap::{Parser, Subcommand};

/// Measures gigway beside a server that is the limit of what is possible.
#[derive(Parser, Debug)]
#[command(name = "bench", max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

/// What to measure.
#[derive(Subcommand, Debug, Clone, Copy)]
pub enum Command {
    /// The page that most requests want, beside PostgreSQL alone, HTTP alone, Mercurius and PostGraphile
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
        /// Measured rounds of each server, whose median counts
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
    },
    /// Time from a change at one gateway to the subscribers of another
    Latency,
    /// Processor time and memory of a request that asks for far too much
    Limits,
    /// Time until subscribers who were away have everything that they missed
    Resume,
    /// Transitions in a second, beside the same SQL by pgbench
    Transitions,
    /// The gateway, as a process of its own
    #[command(hide = true)]
    ServeGigway,
    /// The server beside it, as a process of its own
    #[command(hide = true)]
    ServeBare,
}

impl Command {
    /// Whether it needs PostgreSQL and Redis, rather than being a server that a measurement has started.
    pub fn measures(self) -> bool {
        !matches!(self, Self::ServeGigway | Self::ServeBare)
    }
}
