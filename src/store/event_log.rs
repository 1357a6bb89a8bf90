//! The event log: the table `event`, numbered 1, 2, 3 .. in the order of commits. See
//! [`events`](crate::events) for how an event reaches clients, and how to add one.

use chrono::{DateTime, Utc};
use entity::{event, log_meta};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait,
    FromQueryResult, QueryFilter, QueryOrder, QueryResult, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::domain::event::{Event, EventBody, Topic};
use crate::domain::gig::GigStatus;
use crate::domain::id::{GigId, ReviewItemId, SessionId, UserId};
use crate::store::{ROWS_PER_INSERT, Result, corrupt, from_json, parse, to_json};

/// Key of the PostgreSQL advisory lock that is held from numbering to commit, so that positions are in commit
/// order.
const POSITION_LOCK: i64 = 0x6769_6777_6179_0002;

const GIG_STATUS: &str = "GIG_STATUS";
const VERIFICATION_STATUS: &str = "VERIFICATION_STATUS";
const REVIEW_QUEUE: &str = "REVIEW_QUEUE";
const SESSION_ENDED: &str = "SESSION_ENDED";
const ROLE_CHANGED: &str = "ROLE_CHANGED";
const PROFILE_CHANGED: &str = "PROFILE_CHANGED";
const GIG_UPDATED: &str = "GIG_UPDATED";

/// Appends events to the log. Must be the last step of the transaction: until its commit, every other
/// transaction that appends events waits. (A sequence would not wait, and a reader could then see position 6
/// before 5.)
pub async fn append(
    tx: &impl ConnectionTrait,
    bodies: Vec<EventBody>,
    now: DateTime<Utc>,
) -> Result<Vec<Event>> {
    if bodies.is_empty() {
        return Ok(Vec::new());
    }
    lock_positions(tx).await?;
    let next = newest_position(tx).await? + 1;
    let events: Vec<Event> =
        (next..).zip(bodies).map(|(position, body)| Event { position, occurred_at: now, body }).collect();
    let rows: Vec<_> = events.iter().map(to_row).collect::<Result<_>>()?;
    for rows in rows.chunks(ROWS_PER_INSERT) {
        event::Entity::insert_many(rows.iter().cloned()).exec_without_returning(tx).await?;
    }
    Ok(events)
}

/// Serializes appends until the transaction ends. SQLite needs no lock: it has one write transaction at a
/// time.
async fn lock_positions(tx: &impl ConnectionTrait) -> Result<()> {
    if tx.get_database_backend() == DbBackend::Postgres {
        let sql = format!("SELECT pg_advisory_xact_lock({POSITION_LOCK})");
        tx.execute_unprepared(&sql).await?;
    }
    Ok(())
}

/// The position of the newest event; 0 if the log is empty.
pub async fn newest_position(db: &impl ConnectionTrait) -> Result<i64> {
    let newest: Option<Option<i64>> = event::Entity::find()
        .select_only()
        .column_as(event::Column::Position.max(), "newest")
        .into_tuple()
        .one(db)
        .await?;
    Ok(newest.flatten().unwrap_or(0))
}

/// The position of the oldest event that is still in the log; `None` if the log is empty.
pub async fn oldest_position(db: &impl ConnectionTrait) -> Result<Option<i64>> {
    let oldest: Option<Option<i64>> = event::Entity::find()
        .select_only()
        .column_as(event::Column::Position.min(), "oldest")
        .into_tuple()
        .one(db)
        .await?;
    Ok(oldest.flatten())
}

/// The epoch of the log; see [`Cursor`](crate::events::cursor::Cursor).
///
/// # Errors
/// `RecordNotFound` if the migrations have not run.
pub async fn epoch(db: &impl ConnectionTrait) -> Result<Uuid> {
    let row = log_meta::Entity::find_by_id(1).one(db).await?;
    row.map(|row| row.epoch).ok_or_else(|| DbErr::RecordNotFound("log_meta has no row".into()))
}

/// Replaces the epoch, which expires all cursors.
pub async fn set_epoch(tx: &impl ConnectionTrait, epoch: Uuid) -> Result<()> {
    log_meta::Entity::update_many()
        .col_expr(log_meta::Column::Epoch, Expr::value(epoch))
        .filter(log_meta::Column::Id.eq(1))
        .exec(tx)
        .await?;
    Ok(())
}

/// Deletes up to `limit` of the oldest events from before `moment`, and returns their number. Never deletes
/// the newest event, since the next position is computed from it.
pub async fn prune(tx: &impl ConnectionTrait, moment: DateTime<Utc>, limit: u64) -> Result<u64> {
    let newest = newest_position(tx).await?;
    let oldest: Vec<(i64, DateTime<Utc>)> = event::Entity::find()
        .select_only()
        .columns([event::Column::Position, event::Column::OccurredAt])
        .order_by_asc(event::Column::Position)
        .limit(limit)
        .into_tuple()
        .all(tx)
        .await?;
    // Stop at the first event that stays. A later event can have an older time if a clock was wrong, but
    // deleting that one would leave a gap.
    let old = oldest.iter().take_while(|(position, at)| *at < moment && *position < newest);
    let Some((last, _)) = old.last() else { return Ok(0) };
    let deleted = event::Entity::delete_many().filter(event::Column::Position.lte(*last)).exec(tx).await?;
    Ok(deleted.rows_affected)
}

/// Up to `limit` events after the position `after`, of one topic or of all, in order.
///
/// A row that this version does not understand is an [`EventBody::Unknown`], never an error: a gateway of a
/// newer version may have appended it, and the events after it must be delivered. Such a row may match a
/// topic.
pub async fn page(
    db: &impl ConnectionTrait,
    topic: Option<Topic>,
    after: i64,
    limit: u64,
) -> Result<Vec<Event>> {
    let select = event::Entity::find()
        .filter(event::Column::Position.gt(after))
        .filter(topic.map_or_else(Condition::all, topic_condition))
        .order_by_asc(event::Column::Position)
        .limit(limit);
    let rows = db.query_all_raw(select.build(db.get_database_backend())).await?;
    rows.iter().map(from_query_result).collect()
}

/// Reads a row. Only its position must be valid.
fn from_query_result(row: &QueryResult) -> Result<Event> {
    event::Model::from_query_result(row, "").and_then(from_row).or_else(|error| {
        let position = row.try_get("", "position")?;
        tracing::debug!(position, %error, "row of the event log is not understood");
        let occurred_at = row.try_get("", "occurred_at").unwrap_or(DateTime::UNIX_EPOCH);
        Ok(Event { position, occurred_at, body: EventBody::Unknown })
    })
}

/// The events of a topic. The same rule as [`Event::topics`].
fn topic_condition(topic: Topic) -> Condition {
    let kind = |kind: &str| Condition::all().add(event::Column::Kind.eq(kind));
    let active: &str = GigStatus::Active.into();
    match topic {
        Topic::Gig(id) => kind(GIG_STATUS).add(event::Column::SubjectId.eq(id)),
        Topic::GigsOfSeller(id) => kind(GIG_STATUS).add(event::Column::OwnerId.eq(id)),
        Topic::PublishedGigs => kind(GIG_STATUS).add(event::Column::Status.eq(active)),
        Topic::Catalogue => {
            let is_or_was_active = Condition::any()
                .add(event::Column::Status.eq(active))
                .add(event::Column::PreviousStatus.eq(active));
            Condition::any().add(kind(GIG_UPDATED)).add(kind(GIG_STATUS).add(is_or_was_active))
        }
        Topic::Verification(id) => kind(VERIFICATION_STATUS).add(event::Column::OwnerId.eq(id)),
        Topic::ReviewQueue => kind(REVIEW_QUEUE),
        Topic::SessionsAndRole(id) => Condition::all()
            .add(event::Column::Kind.is_in([SESSION_ENDED, ROLE_CHANGED]))
            .add(event::Column::OwnerId.eq(id)),
    }
}

fn to_row(event: &Event) -> Result<event::ActiveModel> {
    let row = event::Model {
        position: event.position,
        kind: String::new(),
        subject_id: Uuid::nil(),
        owner_id: None,
        review_kind: None,
        version: 0,
        previous_status: None,
        status: String::new(),
        reason_codes: serde_json::json!([]),
        occurred_at: event.occurred_at,
    };
    let text = |text: &'static str| text.to_owned();
    let row = match &event.body {
        EventBody::GigStatus { gig_id, seller_id, version, previous, status, reason_codes } => event::Model {
            kind: text(GIG_STATUS),
            subject_id: gig_id.uuid(),
            owner_id: Some(seller_id.uuid()),
            version: *version,
            previous_status: previous.map(|status| text(status.into())),
            status: text(status.into()),
            reason_codes: to_json(reason_codes)?,
            ..row
        },
        EventBody::VerificationStatus { user_id, version, previous, status, reason_codes } => event::Model {
            kind: text(VERIFICATION_STATUS),
            subject_id: user_id.uuid(),
            owner_id: Some(user_id.uuid()),
            version: *version,
            previous_status: Some(text(previous.into())),
            status: text(status.into()),
            reason_codes: to_json(reason_codes)?,
            ..row
        },
        EventBody::ReviewQueue { item_id, review_kind, change } => event::Model {
            kind: text(REVIEW_QUEUE),
            subject_id: item_id.uuid(),
            review_kind: Some(text(review_kind.into())),
            status: text(change.into()),
            ..row
        },
        EventBody::SessionEnded { session_id, user_id } => event::Model {
            kind: text(SESSION_ENDED),
            subject_id: session_id.uuid(),
            owner_id: Some(user_id.uuid()),
            ..row
        },
        EventBody::RoleChanged { user_id } => event::Model {
            kind: text(ROLE_CHANGED),
            subject_id: user_id.uuid(),
            owner_id: Some(user_id.uuid()),
            ..row
        },
        EventBody::ProfileChanged { user_id } => event::Model {
            kind: text(PROFILE_CHANGED),
            subject_id: user_id.uuid(),
            owner_id: Some(user_id.uuid()),
            ..row
        },
        EventBody::GigUpdated { gig_id, seller_id } => event::Model {
            kind: text(GIG_UPDATED),
            subject_id: gig_id.uuid(),
            owner_id: Some(seller_id.uuid()),
            ..row
        },
        EventBody::Unknown => return Err(corrupt("event to append", "UNKNOWN")),
    };
    Ok(event::ActiveModel {
        position: Set(row.position),
        kind: Set(row.kind),
        subject_id: Set(row.subject_id),
        owner_id: Set(row.owner_id),
        review_kind: Set(row.review_kind),
        version: Set(row.version),
        previous_status: Set(row.previous_status),
        status: Set(row.status),
        reason_codes: Set(row.reason_codes),
        occurred_at: Set(row.occurred_at),
    })
}

fn from_row(row: event::Model) -> Result<Event> {
    let owner = row.owner_id.map(UserId::from_uuid);
    let owner = owner.ok_or_else(|| corrupt("event: it has no owner_id", &row.kind));
    let body = match row.kind.as_str() {
        GIG_STATUS => EventBody::GigStatus {
            gig_id: GigId::from_uuid(row.subject_id),
            seller_id: owner?,
            version: row.version,
            previous: row.previous_status.as_deref().map(|text| parse("gig status", text)).transpose()?,
            status: parse("gig status", &row.status)?,
            reason_codes: from_json("event.reason_codes", row.reason_codes)?,
        },
        VERIFICATION_STATUS => EventBody::VerificationStatus {
            user_id: owner?,
            version: row.version,
            previous: parse("verification status", row.previous_status.as_deref().unwrap_or_default())?,
            status: parse("verification status", &row.status)?,
            reason_codes: from_json("event.reason_codes", row.reason_codes)?,
        },
        REVIEW_QUEUE => EventBody::ReviewQueue {
            item_id: ReviewItemId::from_uuid(row.subject_id),
            review_kind: parse("review kind", row.review_kind.as_deref().unwrap_or_default())?,
            change: parse("queue change", &row.status)?,
        },
        SESSION_ENDED => {
            EventBody::SessionEnded { session_id: SessionId::from_uuid(row.subject_id), user_id: owner? }
        }
        ROLE_CHANGED => EventBody::RoleChanged { user_id: owner? },
        PROFILE_CHANGED => EventBody::ProfileChanged { user_id: owner? },
        GIG_UPDATED => EventBody::GigUpdated { gig_id: GigId::from_uuid(row.subject_id), seller_id: owner? },
        _ => EventBody::Unknown,
    };
    Ok(Event { position: row.position, occurred_at: row.occurred_at, body })
}
