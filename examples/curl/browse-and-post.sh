#!/usr/bin/env bash
#
# Browses gigs with a filter, signs in, uploads an image, posts a gig with it, and reads the gig's events from
# a subscription over server-sent events.
#
#     examples/curl/browse-and-post.sh [IMAGE]
#
# Environment: GATEWAY_URL (http://127.0.0.1:8080), SELLER_EMAIL and SELLER_PASSWORD (a seller of the demo data).
# Needs curl and jq. Exits with a status other than 0 if a step fails.

set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=graphql.sh
. "$here/graphql.sh"
image_file=${1:-$here/image.png}

echo "Gigs for up to 500 that are delivered within 14 days:"
run 'query ($where: GigFilter) {
    gigs(where: $where, orderBy: PRICE_LOWEST, first: 5) {
        totalCount
        nodes { title price { amount currencyCode } seller { displayName } }
    } }' '{"where": {"maxPrice": "500.00", "maxDeliveryDays": 14}}' |
    jq -r '.gigs | (.nodes[] | "  \(.price.amount) \(.price.currencyCode)  \(.title) (\(.seller.displayName))"),
        "  \(.totalCount) in total"'

sign_in "${SELLER_EMAIL:-sofia@example.com}" "${SELLER_PASSWORD:-demo-password}"

# The multipart request specification of GraphQL: the file is part `0`, which `map` puts into `$file`.
operations=$(body 'mutation ($file: Upload!) {
    uploadGigImage(file: $file) { image { id width height } errors { code message } } }' '{"file": null}')
image=$(post -H 'apollo-require-preflight: true' --form-string "operations=$operations" \
    --form-string 'map={"0": ["variables.file"]}' -F "0=@$image_file" | jq .uploadGigImage.image)
jq -r '"Uploaded \(.id), \(.width) by \(.height) pixels"' <<<"$image"

# A subscription after this cursor reports everything that happens from here on.
start=$(run '{ eventCursor categories { id slug } }')
input=$(jq -n --argjson start "$start" --argjson image "$image" '
    ($start.categories | map(select(.slug == "graphic-design")) + . | first) as $category | {input: {
        title: "I will draw a logo for your shop",
        description: "Three drafts in two days, and the files for print and web.",
        category: $category.id,
        price: "35.00",
        deliveryDays: 2,
        revisions: 3,
        tags: ["logo", "shop"],
        imageIds: [$image.id]
    }}')
# With the header, a request that is sent again after a timeout does not post a second gig.
gig=$(run 'mutation ($input: PostGigInput!) {
    postGig(input: $input) { gig { id status } errors { code message field } } }' "$input" \
    -H "idempotency-key: example-$$-$RANDOM$RANDOM" | jq .postGig.gig)
jq -r '"Posted \(.id), which is \(.status)"' <<<"$gig"

# The stream stays open, so curl ends it after 2 seconds, with status 28.
echo "Events:"
after=$(jq '{after: .eventCursor}' <<<"$start")
subscription=$(body 'subscription ($after: String) {
    gigStatusChanged(after: $after) { occurredAt delivery gigId status } }' "$after")
stream=$(curl -sN --max-time 2 "$gateway/graphql" "${authorization[@]}" -H 'accept: text/event-stream' \
    -H 'content-type: application/json' --data-binary "$subscription") || (($? == 28)) || fail "the stream failed"
events=$(sed -n 's/^data: *//p' <<<"$stream")
jq -r '.data.gigStatusChanged // empty | "  \(.occurredAt) \(.delivery) \(.gigId) \(.status)"' <<<"$events"
jq -es --argjson gig "$gig" 'any(.data.gigStatusChanged.gigId == $gig.id)' <<<"$events" >/dev/null ||
    fail "the stream did not report the gig: $stream"
