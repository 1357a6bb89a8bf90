-- The page as one statement that builds the JSON. The benchmark replaces :category.
WITH page AS (
    SELECT id, title, price_cents, delivery_days, category_id, seller_id, published_at FROM gig
    WHERE status = 'ACTIVE' AND category_id = ':category'
    ORDER BY published_at DESC, id DESC LIMIT 21
)
SELECT json_build_object(
    'nodes', (
        SELECT coalesce(json_agg(json_build_object(
            'id', gig.id, 'title', gig.title,
            'price', json_build_object('amount', to_char(gig.price_cents / 100.0, 'FM999999990.00'), 'currencyCode', 'USD'),
            'deliveryDays', gig.delivery_days,
            'category', json_build_object('name', category.name),
            'seller', json_build_object('id', seller.id, 'displayName', seller.display_name,
                'level', seller.points / 1000, 'verified', seller.verified_at IS NOT NULL),
            'images', (
                SELECT coalesce(json_agg(json_build_object('id', image.id, 'url', 'http://127.0.0.1/media/' || image.id,
                    'width', image.width, 'height', image.height) ORDER BY image.ordinal), '[]')
                FROM gig_image AS image WHERE image.gig_id = gig.id)
        ) ORDER BY gig.published_at DESC, gig.id DESC), '[]')
        FROM (SELECT * FROM page LIMIT 20) AS gig
        JOIN category ON category.id = gig.category_id
        JOIN "user" AS seller ON seller.id = gig.seller_id),
    'pageInfo', (SELECT json_build_object('hasNextPage', count(*) > 20, 'endCursor', (array_agg(id))[20]) FROM page)
);
