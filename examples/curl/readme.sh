#!/usr/bin/env bash
#
# The requests of README.md, one at a time:
#
#     examples/curl/readme.sh query|sign-in|subscription|upload
#
# Environment: GATEWAY_URL (http://127.0.0.1:8080), and TOKEN for the upload. Run the upload where README.md is.
# Needs curl and jq.

set -euo pipefail

# region gateway
export GATEWAY_URL=${GATEWAY_URL:-http://127.0.0.1:8080}
# endregion

query() {
    # region query
    curl -s "$GATEWAY_URL/graphql" -H 'content-type: application/json' -d '{
      "query": "query ($search: String) { gigs(first: 3, search: $search) { totalCount nodes { title price { amount } } } }",
      "variables": { "search": "logo" }
    }'
    # endregion
}

sign-in() {
    # region sign-in
    TOKEN=$(curl -s "$GATEWAY_URL/graphql" -H 'content-type: application/json' -d '{
      "query": "mutation ($input: SignInInput!) { signIn(input: $input) { session { accessToken } errors { message } } }",
      "variables": { "input": { "email": "miriam@example.com", "password": "demo-password" } }
    }' | jq -r .data.signIn.session.accessToken)
    # endregion
    echo "$TOKEN"
}

subscription() {
    # region subscription
    curl -sN "$GATEWAY_URL/graphql" -H 'accept: text/event-stream' -H 'content-type: application/json' -d '{
      "query": "subscription { gigPublished { cursor gig { title } } }"
    }'
    # endregion
}

upload() {
    # region upload
    curl -s "$GATEWAY_URL/graphql" -H "authorization: Bearer $TOKEN" -H 'apollo-require-preflight: true' \
      -F 'operations={"query":"mutation($f: Upload!) { uploadGigImage(file: $f) { image { id } errors { message } } }","variables":{"f":null}}' \
      -F 'map={"0":["variables.f"]}' -F '0=@examples/curl/image.png'
    # endregion
}

"$1"
