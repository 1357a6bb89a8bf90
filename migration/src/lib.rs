//! The migrations of the database schema, for PostgreSQL and SQLite.
//!
//! To add a migration: a module named `mYYYYMMDD_NNNNNN_what_it_does` with `up` and `down`, and a line at the
//! end of [`Migrator`]; then the fields in `entity`. The name of the module is stored in the database. A
//! released migration is never changed or renamed.
#![forbid(unsafe_code)]

pub use sea_orm_migration::prelude::MigratorTrait;
use sea_orm_migration::prelude::*;

pub mod catalogue;
mod m20261124_000001_tables;
mod m20261124_000002_categories;
mod m20261124_000003_search;
mod m20261124_000004_verification;
mod m20261124_000005_blocking;
mod m20261127_000001_idempotency;
mod m20261127_000002_browsing;
mod m20261128_000001_erasure;
mod m20261128_000002_stream_tickets;
mod m20261128_000003_blocked_sellers;
mod m20261128_000004_session_network;
mod m20261129_000001_text;
mod m20261129_000002_search;
mod m20261129_000003_filters;
mod m20261129_000005_image_variants;
mod m20261129_000006_review_summary;
mod m20261129_000007_outdated_variants;
mod m20261129_000010_flags;
mod m20261129_000011_fingerprints;
mod m20261129_000020_openings;
mod m20261129_000021_inspections;
mod m20261129_000022_proposals;
mod m20261129_000030_review_keys;
mod m20261129_000031_audit_chain;
mod m20261129_000040_confidential_reasons;
mod m20261129_000041_picture_quality;
mod m20261129_000042_rights;
mod m20261129_000060_picture_index;
mod m20261129_000070_data_keys;
mod m20261129_000071_authority_tags;
mod m20261129_000072_held_versions;

/// All migrations, oldest first.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261124_000001_tables::Migration),
            Box::new(m20261124_000002_categories::Migration),
            Box::new(m20261124_000003_search::Migration),
            Box::new(m20261124_000004_verification::Migration),
            Box::new(m20261124_000005_blocking::Migration),
            Box::new(m20261127_000001_idempotency::Migration),
            Box::new(m20261127_000002_browsing::Migration),
            Box::new(m20261128_000001_erasure::Migration),
            Box::new(m20261128_000002_stream_tickets::Migration),
            Box::new(m20261128_000003_blocked_sellers::Migration),
            Box::new(m20261128_000004_session_network::Migration),
            Box::new(m20261129_000001_text::Migration),
            Box::new(m20261129_000002_search::Migration),
            Box::new(m20261129_000003_filters::Migration),
            Box::new(m20261129_000005_image_variants::Migration),
            Box::new(m20261129_000006_review_summary::Migration),
            Box::new(m20261129_000007_outdated_variants::Migration),
            Box::new(m20261129_000010_flags::Migration),
            Box::new(m20261129_000011_fingerprints::Migration),
            Box::new(m20261129_000020_openings::Migration),
            Box::new(m20261129_000021_inspections::Migration),
            Box::new(m20261129_000022_proposals::Migration),
            Box::new(m20261129_000030_review_keys::Migration),
            Box::new(m20261129_000031_audit_chain::Migration),
            Box::new(m20261129_000040_confidential_reasons::Migration),
            Box::new(m20261129_000041_picture_quality::Migration),
            Box::new(m20261129_000042_rights::Migration),
            Box::new(m20261129_000060_picture_index::Migration),
            Box::new(m20261129_000070_data_keys::Migration),
            Box::new(m20261129_000071_authority_tags::Migration),
            Box::new(m20261129_000072_held_versions::Migration),
        ]
    }
}
