//! Adds the flags of review items, and the index that finds the items of a subject.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{boolean, pk_uuid, string, timestamp_with_time_zone, uuid, uuid_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

const INDEXES: [(&str, &str); 3] = [
    ("review_flag_item", "review_flag (item_id)"),
    ("review_flag_related", "review_flag (related_id) WHERE related_id IS NOT NULL"),
    ("review_item_subject", "review_item (subject_id, submitted_at)"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("review_flag")
            .col(pk_uuid("id"))
            .col(uuid("item_id"))
            .col(string("code"))
            .col(boolean("is_hint"))
            .col(uuid_null("related_id"))
            .col(timestamp_with_time_zone("raised_at"))
            .foreign_key(
                ForeignKey::create()
                    .name("review_flag_item_id")
                    .from("review_flag", "item_id")
                    .to("review_item", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .foreign_key(
                ForeignKey::create()
                    .name("review_flag_related_id")
                    .from("review_flag", "related_id")
                    .to("review_item", "id")
                    .on_delete(ForeignKeyAction::SetNull),
            )
            .to_owned();
        manager.create_table(table).await?;
        for (name, columns) in INDEXES {
            let index = format!("CREATE INDEX {name} ON {columns}");
            manager.get_connection().execute_unprepared(&index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP INDEX review_item_subject").await?;
        manager.drop_table(Table::drop().table("review_flag").to_owned()).await
    }
}
