//! The gateway from outside: each test boots the real app on a port of its own and talks to it as a client.
//!
//! Most tests run twice: over SQLite with events inside the process, and over PostgreSQL and Redis with two
//! gateways (see [`support::test_app`]). They are run by `make test`, which starts the servers.

mod access;
mod accounts;
mod authorization;
mod browse;
mod clients;
mod command_line;
mod documentation;
mod edge;
mod faults;
mod fuzz;
mod gigs;
mod http_server;
mod idempotency;
mod images;
mod live;
mod log;
mod long_lived;
mod main_job;
mod outage;
mod persisted;
mod plans;
mod protections;
mod rate_limits;
mod redis_kinds;
mod response_cache;
mod resume;
mod retention;
mod reviews;
mod scanner;
mod schema;
mod search;
mod secrecy;
mod sharing;
mod socket;
mod statements;
mod streams;
mod support;
mod uploads;
mod verification;
