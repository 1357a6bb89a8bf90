#!/usr/bin/env bash
#
# Approves a gig that waits for review, so that every subscriber of `gigPublished` receives it.
#
#     examples/curl/approve.sh GIG_ID
#
# Environment: GATEWAY_URL (http://127.0.0.1:8080), REVIEWER_EMAIL and REVIEWER_PASSWORD (a reviewer of the demo
# data). Needs curl and jq. Exits with a status other than 0 if a step fails.

set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=graphql.sh
. "$here/graphql.sh"
(($# == 1)) || fail "usage: ${0##*/} GIG_ID"

sign_in "${REVIEWER_EMAIL:-miriam@example.com}" "${REVIEWER_PASSWORD:-demo-password}"

gig=$(run 'query ($id: ID!) { gig(id: $id) { id version } }' "$(jq -n --arg id "$1" '{$id}')" | jq .gig)
[[ $gig != null ]] || fail "there is no gig $1"
# `expectedVersion` makes the decision fail if the seller has changed the gig in the meantime.
decision=$(jq '{input: {gigId: .id, decision: "APPROVE", expectedVersion: .version}}' <<<"$gig")
run 'mutation ($input: DecideGigInput!) {
    decideGig(input: $input) { gig { id status } errors { code message } } }' "$decision" |
    jq -r '.decideGig.gig | "\(.id) is \(.status)"'
