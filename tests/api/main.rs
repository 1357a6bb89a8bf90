//! Tests of the whole gateway: each test starts the real app on a free port and talks to it as a client.
//!
//! Most tests run twice: on SQLite with the in-process bus, and on PostgreSQL and Redis with two gateways
//! (see [`support::test_app`]). `make test` runs them, and starts the servers.
//!
//! To add a test, write an `async fn(TestApp)` in the file of its subject, and add its name to the
//! `on_both_back_ends!` list at the end of that file.

mod accounts;
mod authorization;
mod authorization_fields;
mod authorization_mutations;
mod authorization_table;
mod batched_reads;
mod blocked_sellers;
mod browse;
mod clients;
mod command_line;
mod compression;
mod connection_limits;
mod credentials;
mod delivery_permissions;
mod documentation;
mod earlier_versions;
mod end_to_end;
mod erasure;
mod erasure_races;
mod event_log;
mod examples;
mod fair_use;
mod fanout;
mod faults;
mod forged_messages;
mod full_disk;
mod fuzz;
mod gig_filter;
mod gigs;
mod graphql_http;
mod http_server;
mod http_streaming;
mod idempotency;
mod idempotent_repetitions;
mod image_visibility;
mod images;
mod interrupted_uploads;
mod isolation;
mod listed_fields;
mod long_lived_connections;
mod lost_commits;
mod malformed_requests;
mod newer_versions;
mod operation_log;
mod outage;
mod partial_responses;
mod persisted_documents;
mod personal_data;
mod protections;
mod query_plans;
mod rate_limits;
mod read_pools;
mod redis_topologies;
mod refused_bodies;
mod response_cache;
mod response_cache_staleness;
mod resume;
mod retention;
mod reviews;
mod role_races;
mod scanner;
mod schema;
mod search;
mod session_limits;
mod shared_rate_limits;
mod sign_in_failures;
mod slow_clients;
mod statement_counts;
mod stream_tickets;
mod subscriptions;
mod support;
mod translated_errors;
mod upload_limits;
mod uploads;
mod verification;
mod verification_review;
mod viewer_actions;
mod viewer_actions_verification;
mod websocket;
