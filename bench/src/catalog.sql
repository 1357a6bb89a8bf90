-- Inserts :gigs ACTIVE gigs, each with three tags and two images, of a tenth as many sellers.
INSERT INTO "user" (id, email, email_key, display_name, password_hash, role, points, verified_at, created_at, legal_hold)
SELECT ('1' || lpad(to_hex(n), 31, '0'))::uuid, n || '@example.com', n || '@example.com', 'Seller number ' || n, 'none', 'MEMBER',
    n % 20000, CASE WHEN n % 3 = 0 THEN now() END, now(), false
FROM generate_series(1, :gigs / 10) AS n;

WITH word AS (
    SELECT
        ARRAY['Logo', 'Website', 'Jingle', 'Poster', 'Voice over', 'Translation', 'Newsletter', 'Illustration', 'Video',
              'Brochure', 'Podcast', 'Portrait', 'Contract', 'Spreadsheet', 'Packaging', 'Banner', 'Slogan'] AS thing,
        ARRAY['modern', 'hand-made', 'fast', 'elegant', 'playful', 'bold', 'minimal', 'friendly', 'precise', 'warm',
              'classic', 'bright', 'quiet'] AS manner,
        ARRAY['your shop', 'a start-up', 'your channel', 'a restaurant', 'your book', 'an event', 'your game',
              'a law firm', 'your family', 'a festival', 'your app'] AS whom,
        (SELECT array_agg(id ORDER BY id) FROM category) AS category
), made AS (
    SELECT n, abs(hashint4(n)) AS h, abs(hashint4(n + 1000000000)) AS k FROM generate_series(1, :gigs) AS n
)
INSERT INTO gig (id, seller_id, category_id, title, description, price_cents, delivery_days, revisions, tags, links, status,
    version, review_reasons, created_at, submitted_at, published_at, search_folding, search_gig_version, search)
SELECT described.*, :folding_version, 1,
    setweight(to_tsvector('simple', regexp_replace(title, '[^[:alnum:]]+', ' ', 'g')), 'A')
        || setweight(to_tsvector('simple', regexp_replace(tags::text, '[^[:alnum:]]+', ' ', 'g')), 'B')
        || setweight(to_tsvector('simple', regexp_replace(description, '[^[:alnum:]]+', ' ', 'g')), 'C')
FROM (
SELECT ('2' || lpad(to_hex(n), 31, '0'))::uuid, ('1' || lpad(to_hex(1 + h % (:gigs / 10)), 31, '0'))::uuid, category[1 + h % 27],
    thing[1 + k % 17] || ', ' || manner[1 + h % 13] || ' and ' || manner[1 + k % 13] || ', for ' || whom[1 + k % 11]
        || ', offer ' || n AS title,
    'You tell me what you have in mind, I send you a first sketch within a day, and we go on from there until it is '
        || manner[1 + k % 13] || ' enough for ' || whom[1 + h % 11] || '. Every ' || lower(thing[1 + k % 17])
        || ' comes with all its files and the right to use them wherever you like.' AS description,
    500 + (k % 2000) * 25, 1 + h % 30, k % 4,
    jsonb_build_array(manner[1 + h % 13], lower(thing[1 + k % 17]), 'tag ' || k % 5000) AS tags, '[]'::jsonb,
    'ACTIVE', 1, '[]'::jsonb, at, at, at
FROM made, word, LATERAL (SELECT timestamptz '2026-01-01' + n * interval '10 seconds' AS at) AS moment
) AS described;

INSERT INTO gig_tag (gig_id, tag_key) SELECT gig.id, tag FROM gig, jsonb_array_elements_text(tags) AS tag;

INSERT INTO gig_image (id, owner_id, gig_id, ordinal, width, height, byte_size, created_at, placeholder, variants_version)
SELECT ('3' || lpad(to_hex(number), 15, '0') || lpad(to_hex(ordinal), 16, '0'))::uuid, seller_id, id, ordinal, 640, 480, 50000, created_at,
    '1QcSHQRnh493V4dIh4eXh1h4kJUI', :variants_version
FROM (SELECT *, row_number() OVER () AS number FROM gig) AS gig, generate_series(0, 1) AS ordinal;

VACUUM ANALYZE;
