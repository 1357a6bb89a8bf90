# Helpers for the scripts in this directory. Sourced, not run. Needs curl and jq.
# shellcheck shell=bash

gateway=${GATEWAY_URL:-http://127.0.0.1:8080}
authorization=() # curl options; `sign_in` sets them

fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

for program in curl jq; do
    command -v "$program" >/dev/null || fail "$program is missing: sudo apt-get install $program"
done

# post CURL_OPTION...: sends a request to /graphql and prints `data` of the response.
# Fails if there are GraphQL errors (`errors` beside `data`) or user errors (`errors` in a mutation's payload).
post() {
    local response messages
    response=$(curl -sS "$gateway/graphql" "${authorization[@]}" "$@") || fail "no response from $gateway"
    messages=$(jq -r '[.errors[]?, (.data | .[]? | objects | .errors[]?)][] |
        "\(.extensions.code // .code): \(.message)"' <<<"$response") || fail "not a GraphQL response: $response"
    [[ -z $messages ]] || fail "$messages"
    jq .data <<<"$response"
}

# body QUERY VARIABLES: prints a request body.
body() {
    jq -n --arg query "$1" --argjson variables "$2" '{$query, $variables}'
}

# run QUERY [VARIABLES [CURL_OPTION...]]: runs a query or a mutation and prints `data`.
run() {
    local query=$1 variables=${2:-'{}'}
    shift $(($# < 2 ? $# : 2))
    post -H 'content-type: application/json' "$@" --data-binary @- <<<"$(body "$query" "$variables")"
}

# sign_in EMAIL PASSWORD: sends an access token with every later request. The token is valid for 15 minutes.
sign_in() {
    local input data
    input=$(jq -n --arg email "$1" --arg password "$2" '{input: {$email, $password}}')
    data=$(run 'mutation ($input: SignInInput!) {
        signIn(input: $input) { session { accessToken } errors { code message } } }' "$input")
    authorization=(-H "authorization: Bearer $(jq -r .signIn.session.accessToken <<<"$data")")
}
