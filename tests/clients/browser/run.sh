#!/usr/bin/env bash
#
# Runs the pages of this directory in headless Chromium, against a gateway of their own: `make test-browser`.
# Prints what was seen for each client and scenario, and exits with status 1 if an event was lost or came twice.
#
# As root on Debian, this installs the package `chromium` if no Chromium is there. Otherwise, set CHROMIUM to its path.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
if [[ -z $CHROMIUM ]]; then
    if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
        echo "make test-browser: install Chromium with: sudo apt-get install chromium; or set CHROMIUM to its path" >&2
        exit 1
    fi
    apt-get -qq update || true # an unrelated package source may be down
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >&2
    CHROMIUM=$(command -v chromium)
fi
if [[ ../package-lock.json -nt ../node_modules/.package-lock.json ]]; then
    (cd .. && npm ci --no-audit --no-fund) >&2
fi
export CHROMIUM GIGWAY=${GIGWAY:-${CARGO_TARGET_DIR:-../../../target}/debug/gigway}
exec ../node run.mjs "$@"
