-- The SQL statements of one mutation decideGig with APPROVE, for pgbench. The id of the n-th gig of a client is the number
-- 1,000,000 * client + n. "done" is how many were decided in earlier rounds.

-- store::sessions::find_viewer, before the mutation.
SELECT "id", "email", "email_key", "display_name", "password_hash", "role", "points", "verified_at", "created_at",
       "legal_hold", "erased_at", "blocked_at", "authority_tag"
    FROM "user"
    WHERE "id" IN (
        SELECT "user_id" FROM "session"
        WHERE "id" = :session::uuid AND "ended_at" IS NULL AND "expires_at" > now())
        AND "blocked_at" IS NULL
    LIMIT 1;

\set done :done + 1
\set number :client_id * 1000000 + :done

BEGIN;

-- store::gigs::find_visible, to get the seller. The statements below use the id of this row.
SELECT "id", "seller_id", "category_id", "title", "description", "price_cents", "delivery_days", "revisions",
       "tags", "links", "status", "version", "review_reasons", "created_at", "submitted_at", "published_at",
       "review_due_at"
    FROM "gig" WHERE "id" = lpad(to_hex(:number::bigint), 32, '0')::uuid LIMIT 1
\gset seen_

-- service::UnitOfWork::lock_viewer_and: store::users::lock_actor_shared, store::users::lock_all.
SELECT "id", "role", "verified_at", "authority_tag", "blocked_at", "erased_at"
    FROM "user" WHERE "id" IN (:reviewer::uuid) ORDER BY "id" ASC FOR KEY SHARE;
SELECT "id", "role", "verified_at", "authority_tag", "blocked_at", "erased_at"
    FROM "user" WHERE "id" IN (:seen_seller_id::uuid) ORDER BY "id" ASC FOR NO KEY UPDATE;

-- service::gigs::require_can_work: store::users::find_standings.
SELECT "id", "email", "email_key", "display_name", "password_hash", "role", "points", "verified_at", "created_at",
       "legal_hold", "erased_at", "blocked_at", "authority_tag"
    FROM "user" WHERE "id" IN (:seen_seller_id::uuid);

-- store::gigs::lock_visible.
SELECT "id", "seller_id", "category_id", "title", "description", "price_cents", "delivery_days", "revisions",
       "tags", "links", "status", "version", "review_reasons", "created_at", "submitted_at", "published_at",
       "review_due_at"
    FROM "gig" WHERE "id" = :seen_id::uuid LIMIT 1 FOR NO KEY UPDATE
\gset gig_

-- store::reviews::lock_undecided.
SELECT "id", "kind", "subject_id", "submitted_at", "due_at", "claimed_by", "claim_expires_at", "decided_at"
    FROM "review_item" WHERE "subject_id" = :gig_id::uuid AND "decided_at" IS NULL LIMIT 1 FOR NO KEY UPDATE
\gset item_

-- store::reviews::update.
UPDATE "review_item"
    SET "id" = :item_id::uuid, "kind" = :item_kind, "subject_id" = :item_subject_id::uuid,
        "submitted_at" = :item_submitted_at::timestamptz, "due_at" = :item_due_at::timestamptz, "claimed_by" = NULL,
        "claim_expires_at" = NULL, "decided_at" = now()
    WHERE "id" = :item_id::uuid AND "decided_at" IS NULL AND "claimed_by" IS NULL AND "claim_expires_at" IS NULL;

-- store::gigs::update, which writes all columns.
UPDATE "gig"
    SET "id" = :gig_id::uuid, "seller_id" = :gig_seller_id::uuid, "category_id" = :gig_category_id::uuid,
        "title" = :gig_title, "description" = :gig_description, "price_cents" = :gig_price_cents::bigint,
        "delivery_days" = :gig_delivery_days::integer, "revisions" = :gig_revisions::integer,
        "tags" = :gig_tags::jsonb, "links" = :gig_links::jsonb, "status" = 'ACTIVE',
        "version" = :gig_version::integer + 1, "review_reasons" = :gig_review_reasons::jsonb,
        "created_at" = :gig_created_at::timestamptz, "submitted_at" = :gig_submitted_at::timestamptz,
        "published_at" = now(), "review_due_at" = NULL
    WHERE "id" = :gig_id::uuid AND "version" = :gig_version::integer;

-- store::reviews::insert_decision.
INSERT INTO "review_decision"
        ("id", "subject_id", "item_id", "kind", "reviewer_id", "decision", "reasons", "internal_note", "version",
         "decided_at")
    VALUES (gen_random_uuid(), :gig_id::uuid, :item_id::uuid, 'DECISION', :reviewer::uuid, 'APPROVE', '[]', NULL,
            :gig_version::integer + 1, now());

-- store::event_log::append: the lock that makes positions follow the order of commits, the newest position, the two events.
SELECT pg_advisory_xact_lock(7451600820895285250);
SELECT MAX("position") AS "head" FROM "event"
\gset
INSERT INTO "event"
        ("position", "kind", "subject_id", "owner_id", "review_kind", "version", "previous_status", "status",
         "reason_codes", "occurred_at")
    VALUES (:head::bigint + 1, 'REVIEW_QUEUE', :item_id::uuid, NULL, 'GIG', 0, NULL, 'DECIDED', '[]', now()),
           (:head::bigint + 2, 'GIG_STATUS', :gig_id::uuid, :gig_seller_id::uuid, NULL, :gig_version::integer + 1,
            'IN_REVIEW', 'ACTIVE', '[]', now());

COMMIT;
