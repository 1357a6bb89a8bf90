//! Adds what recognizes the pictures of documents, and the fingerprints of submissions that were rejected or revoked
//! for fraud or sanctions.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    binary, binary_null, pk_uuid, string, timestamp_with_time_zone, uuid, uuid_null,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// The name of each index, and its table and columns.
const INDEXES: [(&str, &str); 5] = [
    ("identity_document_picture", "identity_document (picture_hash)"),
    ("picture_signature_user", "picture_signature (user_id)"),
    ("fingerprint_hash", "fingerprint (hash)"),
    ("fingerprint_item", "fingerprint (item_id) WHERE item_id IS NOT NULL"),
    ("fingerprint_signature", "fingerprint (id) WHERE cells IS NOT NULL"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [picture_signatures(), fingerprints()] {
            manager.create_table(table).await?;
        }
        for (name, columns) in INDEXES {
            let index = format!("CREATE INDEX {name} ON {columns}");
            manager.get_connection().execute_unprepared(&index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP INDEX identity_document_picture").await?;
        for table in ["fingerprint", "picture_signature"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn picture_signatures() -> TableCreateStatement {
    Table::create()
        .table("picture_signature")
        .col(pk_uuid("document_id"))
        .col(uuid("user_id"))
        .col(binary("hash"))
        .col(binary("cells"))
        .col(binary("preview"))
        .foreign_key(
            ForeignKey::create()
                .name("picture_signature_user_id")
                .from("picture_signature", "user_id")
                .to("user", "id"),
        )
        .to_owned()
}

fn fingerprints() -> TableCreateStatement {
    Table::create()
        .table("fingerprint")
        .col(pk_uuid("id"))
        .col(string("kind"))
        .col(binary("hash"))
        .col(binary_null("cells"))
        .col(string("code"))
        .col(uuid_null("item_id"))
        .col(timestamp_with_time_zone("decided_on"))
        .foreign_key(
            ForeignKey::create()
                .name("fingerprint_item_id")
                .from("fingerprint", "item_id")
                .to("review_item", "id")
                .on_delete(ForeignKeyAction::SetNull),
        )
        .to_owned()
}
