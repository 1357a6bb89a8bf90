#!/usr/bin/env bash
#
# Reviews an identity verification: claims it, shows the form and the flags, saves the pictures, and decides.
#
#     examples/curl/review.sh open [ITEM_ID]                       the oldest open item, if none is named
#     examples/curl/review.sh decide ITEM_ID CLEAR
#     examples/curl/review.sh decide ITEM_ID REJECT DOCUMENT_TAMPERED
#
# The form and the pictures are shown only while the claim lasts, for 15 minutes. The pictures are saved in the current
# directory: delete them afterwards. CLEAR needs all of them.
#
# Environment: GATEWAY_URL (http://127.0.0.1:8080), REVIEWER_EMAIL and REVIEWER_PASSWORD (a reviewer of the demo
# data). Needs curl and jq. Exits with a status other than 0 if a step fails.

set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=graphql.sh
. "$here/graphql.sh"

show_item() {
    run 'query ($id: ID!) { node(id: $id) { ... on ReviewItem {
        id state flags { code message related } pendingProposal { decision by { displayName } internalNote }
        history { kind decision by { displayName } internalNote }
        subject { ... on Verification { id version status documents { side url }
            personalInfo { firstName lastName dateOfBirth addressLine1 city postalCode countryCode documentNumber } } }
    } } }' "$(jq -n --arg id "$1" '{$id}')" | jq .node
}

open_item() {
    local item=${1:-} shown
    if [[ -z $item ]]; then
        item=$(run '{ reviewQueue(kind: VERIFICATION, state: OPEN, first: 1) { nodes { id } } }' '{}' |
            jq -r '.reviewQueue.nodes[0].id // empty')
        [[ -n $item ]] || fail "no verification waits for a review"
    fi
    run 'mutation ($id: ID!) { claimReview(id: $id) { item { id } errors { code message } } }' \
        "$(jq -n --arg id "$item" '{$id}')" >/dev/null
    shown=$(show_item "$item")
    jq 'del(.subject.documents[].url)' <<<"$shown"
    jq -r '.subject.documents[] | "\(.side) \(.url)"' <<<"$shown" | while read -r side url; do
        curl -sS --fail "${authorization[@]}" -o "$item-$side.jpg" "$url"
        echo "saved $item-$side.jpg"
    done
}

decide() {
    local item=$1 decision=$2 reason=${3:-} input
    input=$(run 'query ($id: ID!) { node(id: $id) { ... on ReviewItem { subject {
        ... on Verification { id version } } } } }' "$(jq -n --arg id "$item" '{$id}')" | jq --arg decision "$decision" --arg reason "$reason" '{input: {
        verificationId: .node.subject.id, $decision, expectedVersion: .node.subject.version,
        reasons: (if $reason == "" then [] else [{code: $reason}] end)}}')
    run 'mutation ($input: DecideVerificationInput!) { decideVerification(input: $input) {
        verification { id status } reviewItem { state } errors { code message } } }' "$input" |
        jq -r '.decideVerification | "\(.verification.id) is \(.verification.status)" +
            if .reviewItem.state == "OPEN" then ", and waits for a second reviewer" else "" end'
}

case ${1:-} in
    open) (($# <= 2)) || fail "usage: ${0##*/} open [ITEM_ID]" ;;
    decide) (($# == 3 || $# == 4)) || fail "usage: ${0##*/} decide ITEM_ID DECISION [REASON_CODE]" ;;
    *) fail "usage: ${0##*/} open [ITEM_ID] | decide ITEM_ID DECISION [REASON_CODE]" ;;
esac
sign_in "${REVIEWER_EMAIL:-miriam@example.com}" "${REVIEWER_PASSWORD:-demo-password}"
if [[ $1 == open ]]; then open_item "${2:-}"; else decide "${@:2}"; fi
