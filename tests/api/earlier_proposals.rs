//! A decision that waits for a second reviewer when the gateway is updated goes on waiting.

use chrono::{DateTime, TimeDelta};
use gigway::domain::id::{SubjectId, UserId};
use gigway::domain::review_record::RecordKind;
use gigway::store::reviews::records;
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend};
use uuid::Uuid;

use crate::support::servers;

const MIGRATION: &str = "m20261129_000022_proposals";

/// What the earlier version stored: two reviewers, an applicant with two proposals, of which the last waits, and one
/// with a proposal that has ended. `@1` stands for an id.
const ROWS: [&str; 6] = [
    "INSERT INTO \"user\" (id, email, email_key, display_name, password_hash, role, points, created_at) VALUES
        (@1, 'rita', 'rita', 'Rita', '', 'REVIEWER', 0, '2026-01-01 00:00:00+00:00'),
        (@2, 'rob', 'rob', 'Rob', '', 'REVIEWER', 0, '2026-01-01 00:00:00+00:00'),
        (@3, 'ann', 'ann', 'Ann', '', 'MEMBER', 0, '2026-01-01 00:00:00+00:00'),
        (@4, 'bob', 'bob', 'Bob', '', 'MEMBER', 0, '2026-01-01 00:00:00+00:00')",
    "INSERT INTO verification (user_id, status, version, attempts_used, personal_info_asked, reasons,
            proposed_decision, proposed_by, changed_at) VALUES
        (@3, 'IN_REVIEW', 3, 1, FALSE, '[]', 'REJECT', @1, '2026-01-02 00:00:00+00:00'),
        (@4, 'CLEARED', 4, 1, FALSE, '[]', NULL, NULL, '2026-01-02 00:00:00+00:00')",
    "INSERT INTO review_item (id, kind, subject_id, submitted_at, due_at) VALUES
        (@5, 'VERIFICATION', @3, '2026-01-02 00:00:00+00:00', '2026-01-09 00:00:00+00:00')",
    "INSERT INTO review_decision (id, subject_id, reviewer_id, decision, reasons, version, decided_at) VALUES
        (@6, @3, @2, 'PROPOSE', '[]', 3, '2026-01-03 00:00:00+00:00'),
        (@7, @3, @1, 'PROPOSE', '[]', 3, '2026-01-04 00:00:00+00:00')",
    "INSERT INTO review_decision (id, subject_id, reviewer_id, decision, reasons, version, decided_at) VALUES
        (@8, @4, @1, 'PROPOSE', '[]', 3, '2026-01-03 00:00:00+00:00')",
    "INSERT INTO review_decision (id, subject_id, reviewer_id, decision, reasons, version, decided_at) VALUES
        (@9, @4, @2, 'CLEAR', '[]', 4, '2026-01-03 00:00:00+00:00')",
];

fn id(number: u8) -> Uuid {
    Uuid::from_u128(u128::from(number))
}

async fn keep_waiting(db: DatabaseConnection) {
    let migrations = Migrator::migrations();
    let before = migrations.iter().position(|it| it.name() == MIGRATION).expect("the migration");
    Migrator::up(&db, Some(u32::try_from(before).expect("a small number"))).await.expect("the tables");
    for row in ROWS {
        let literal = |number: u8| match db.get_database_backend() {
            DbBackend::Postgres => format!("'{}'", id(number)),
            _ => format!("x'{}'", id(number).simple()),
        };
        let sql =
            (1..=9).fold(row.to_owned(), |sql, number| sql.replace(&format!("@{number}"), &literal(number)));
        db.execute_unprepared(&sql).await.expect("stored");
    }
    Migrator::up(&db, None).await.expect("updated");
    let [rita, ann, bob] = [1, 3, 4].map(|number| UserId::from_uuid(id(number)));
    let proposals = records::find_proposals(&db, &[ann, bob], DateTime::UNIX_EPOCH).await.expect("proposals");
    assert_eq!(proposals.len(), 1);
    let proposal = &proposals[&ann];
    assert_eq!((proposal.decision.as_str(), proposal.reviewer_id), ("REJECT", rita));
    assert_eq!((proposal.id.uuid(), proposal.item_id.map(|item| item.uuid())), (id(7), Some(id(5))));
    let expired = proposal.proposed_at + TimeDelta::seconds(1);
    assert!(records::find_proposals(&db, &[ann], expired).await.expect("proposals").is_empty());
    let subjects = [ann, bob].map(SubjectId::Verification);
    let histories = records::histories(&db, &subjects).await.expect("histories");
    let kinds = |subject| histories[&subject].iter().map(|record| record.kind).collect::<Vec<_>>();
    assert_eq!(kinds(subjects[0]), [RecordKind::Proposal; 2]);
    assert!(kinds(subjects[1]).contains(&RecordKind::Decision) && kinds(subjects[1]).len() == 2);
}

#[tokio::test]
async fn a_proposal_of_an_earlier_version_goes_on_waiting_on_sqlite() {
    let dir = tempfile::tempdir().expect("a directory");
    let url = format!("sqlite://{}?mode=rwc", dir.path().join("gigway.db").display());
    keep_waiting(Database::connect(url).await.expect("a database")).await;
}

#[tokio::test]
async fn a_proposal_of_an_earlier_version_goes_on_waiting_on_postgres() {
    let url = servers::new_postgres_database().await;
    keep_waiting(Database::connect(url).await.expect("a database")).await;
}
