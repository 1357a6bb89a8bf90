//! Creates the tables of users, sessions, gigs, reviews and the event log.
//!
//! A status is a text column: `gigway::domain` defines the states and their transitions.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, binary, integer, json_binary, pk_uuid, string, string_null, text, timestamp_with_time_zone,
    timestamp_with_time_zone_null, uuid, uuid_null,
};
use uuid::Uuid;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [users(), sessions(), refresh_tokens(), categories()] {
            manager.create_table(table).await?;
        }
        for table in [gigs(), gig_tags(), gig_images()] {
            manager.create_table(table).await?;
        }
        for table in [review_items(), review_decisions(), events(), log_meta()] {
            manager.create_table(table).await?;
        }
        for sql in INDEXES {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "created once per database, and nothing depends on its value"
        )]
        let epoch = Uuid::new_v4();
        let epoch = Query::insert()
            .into_table("log_meta")
            .columns(["id", "epoch"])
            .values_panic([1.into(), epoch.into()])
            .to_owned();
        manager.execute(epoch).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            "log_meta",
            "event",
            "review_decision",
            "review_item",
            "gig_image",
            "gig_tag",
            "gig",
            "category",
            "refresh_token",
            "session",
            "user",
        ] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

const INDEXES: [&str; 15] = [
    "CREATE INDEX session_of_user ON session (user_id) WHERE ended_at IS NULL",
    "CREATE INDEX refresh_token_session ON refresh_token (session_id)",
    "CREATE INDEX gig_newest ON gig (published_at, id) WHERE status = 'ACTIVE'",
    "CREATE INDEX gig_price ON gig (price_cents, id) WHERE status = 'ACTIVE'",
    "CREATE INDEX gig_category_newest ON gig (category_id, published_at, id) WHERE status = 'ACTIVE'",
    "CREATE INDEX gig_category_price ON gig (category_id, price_cents, id) WHERE status = 'ACTIVE'",
    "CREATE INDEX gig_seller ON gig (seller_id, created_at, id)",
    "CREATE INDEX gig_tag_key ON gig_tag (tag_key, gig_id)",
    "CREATE INDEX gig_image_gig ON gig_image (gig_id, ordinal)",
    "CREATE INDEX gig_image_unattached ON gig_image (unattached_since) WHERE unattached_since IS NOT NULL",
    "CREATE INDEX review_item_open ON review_item (due_at, id) WHERE decided_at IS NULL",
    "CREATE UNIQUE INDEX review_item_one_open ON review_item (subject_id) WHERE decided_at IS NULL",
    "CREATE INDEX review_decision_subject ON review_decision (subject_id, version)",
    "CREATE INDEX event_subject ON event (subject_id, position)",
    "CREATE INDEX event_owner ON event (owner_id, position)",
];

fn users() -> TableCreateStatement {
    Table::create()
        .table("user")
        .col(pk_uuid("id"))
        .col(text("email"))
        .col(text("email_key").unique_key())
        .col(text("display_name"))
        .col(text("password_hash"))
        .col(string("role"))
        .col(big_integer("points"))
        .col(timestamp_with_time_zone_null("verified_at"))
        .col(timestamp_with_time_zone("created_at"))
        .to_owned()
}

fn sessions() -> TableCreateStatement {
    Table::create()
        .table("session")
        .col(pk_uuid("id"))
        .col(uuid("user_id"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("expires_at"))
        .col(timestamp_with_time_zone_null("ended_at"))
        .foreign_key(&mut reference("session", "user_id", "user"))
        .to_owned()
}

fn refresh_tokens() -> TableCreateStatement {
    Table::create()
        .table("refresh_token")
        .col(binary("hash").primary_key())
        .col(uuid("session_id"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("used_at"))
        .foreign_key(&mut reference("refresh_token", "session_id", "session"))
        .to_owned()
}

fn categories() -> TableCreateStatement {
    Table::create()
        .table("category")
        .col(pk_uuid("id"))
        .col(string("slug").unique_key())
        .col(string("name"))
        .col(big_integer("minimum_price_cents"))
        .to_owned()
}

fn gigs() -> TableCreateStatement {
    Table::create()
        .table("gig")
        .col(pk_uuid("id"))
        .col(uuid("seller_id"))
        .col(uuid("category_id"))
        .col(text("title"))
        .col(text("description"))
        .col(big_integer("price_cents"))
        .col(integer("delivery_days"))
        .col(integer("revisions"))
        .col(json_binary("tags"))
        .col(json_binary("links"))
        .col(string("status"))
        .col(integer("version"))
        .col(json_binary("review_reasons"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("submitted_at"))
        .col(timestamp_with_time_zone_null("published_at"))
        .col(timestamp_with_time_zone_null("review_due_at"))
        .foreign_key(&mut reference("gig", "seller_id", "user"))
        .foreign_key(&mut reference("gig", "category_id", "category"))
        .to_owned()
}

fn gig_tags() -> TableCreateStatement {
    Table::create()
        .table("gig_tag")
        .col(uuid("gig_id"))
        .col(string("tag_key"))
        .primary_key(Index::create().col("gig_id").col("tag_key"))
        .foreign_key(&mut reference("gig_tag", "gig_id", "gig"))
        .to_owned()
}

fn gig_images() -> TableCreateStatement {
    Table::create()
        .table("gig_image")
        .col(pk_uuid("id"))
        .col(uuid("owner_id"))
        .col(uuid_null("gig_id"))
        .col(integer("ordinal"))
        .col(integer("width"))
        .col(integer("height"))
        .col(integer("byte_size"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("unattached_since"))
        .foreign_key(&mut reference("gig_image", "owner_id", "user"))
        .foreign_key(&mut reference("gig_image", "gig_id", "gig"))
        .to_owned()
}

fn review_items() -> TableCreateStatement {
    Table::create()
        .table("review_item")
        .col(pk_uuid("id"))
        .col(string("kind"))
        .col(uuid("subject_id"))
        .col(timestamp_with_time_zone("submitted_at"))
        .col(timestamp_with_time_zone("due_at"))
        .col(uuid_null("claimed_by"))
        .col(timestamp_with_time_zone_null("claim_expires_at"))
        .col(timestamp_with_time_zone_null("decided_at"))
        .foreign_key(&mut reference("review_item", "claimed_by", "user"))
        .to_owned()
}

fn review_decisions() -> TableCreateStatement {
    Table::create()
        .table("review_decision")
        .col(pk_uuid("id"))
        .col(uuid("subject_id"))
        .col(uuid_null("item_id"))
        .col(uuid("reviewer_id"))
        .col(string("decision"))
        .col(json_binary("reasons"))
        .col(ColumnDef::new("internal_note").text().null())
        .col(integer("version"))
        .col(timestamp_with_time_zone("decided_at"))
        .foreign_key(&mut reference("review_decision", "reviewer_id", "user"))
        .to_owned()
}

fn events() -> TableCreateStatement {
    Table::create()
        .table("event")
        .col(big_integer("position").primary_key())
        .col(string("kind"))
        .col(uuid("subject_id"))
        .col(uuid_null("owner_id"))
        .col(string_null("review_kind"))
        .col(integer("version"))
        .col(string_null("previous_status"))
        .col(string("status"))
        .col(json_binary("reason_codes"))
        .col(timestamp_with_time_zone("occurred_at"))
        .to_owned()
}

fn log_meta() -> TableCreateStatement {
    Table::create().table("log_meta").col(integer("id").primary_key()).col(uuid("epoch")).to_owned()
}

/// A foreign key from `table.column` to the id of `target`.
fn reference(table: &'static str, column: &'static str, target: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create().name(format!("{table}_{column}")).from(table, column).to(target, "id").to_owned()
}
