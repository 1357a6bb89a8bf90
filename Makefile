# Common commands. `make` without a target lists them.

.DEFAULT_GOAL := help
.PHONY: help run check test test-one test-browser lint snippets schema need-cargo need-cc need-name

help: ## List these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; do printf '%-18s %s\n' "$$name" "$$what"; done

run: need-cargo need-cc ## Start gigway with demo data
	cargo run --bin gigway -- serve --demo

check: need-cargo need-cc ## Check that everything compiles, in seconds
	cargo check --workspace --all-targets --locked

test: need-cargo ## Run all tests, with a temporary PostgreSQL and Redis
	tests/with-services cargo test --workspace --locked

test-one: need-cargo need-name ## Run the tests whose path contains NAME: make test-one NAME=browse::
	tests/with-services cargo test --workspace --locked -- '$(NAME)'

test-browser: need-cargo need-cc ## Run pages with Apollo Client, urql and Relay in Chromium, on a bad network
	cargo build --bin gigway --locked
	tests/clients/browser/run.sh

# Does not check security advisories, because a new one would fail unrelated changes. Documentation may link to private
# items, because its readers have the source.
lint: need-cargo need-cc ## Check formatting, clippy, documentation and dependencies; warnings are errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings -A rustdoc::private_intra_doc_links' cargo doc --workspace --no-deps --locked
	@if cargo deny --version >/dev/null 2>&1; \
	then echo 'cargo deny check bans licenses sources'; cargo deny --locked --log-level error check bans licenses sources; \
	else echo 'make: dependencies not checked: cargo-deny is not installed (cargo install cargo-deny --locked)'; fi

snippets: ## Copy the code blocks of the documentation from examples/
	tests/clients/node tests/clients/cut-snippets.mjs --write

# Writes to a temporary file first, so that a failed build does not destroy the old schema.
schema: need-cargo need-cc ## Write schema.graphql, and docs/AUTHORIZATION.md
	cargo run -q --bin gigway -- schema > schema.graphql.new || { rm -f schema.graphql.new; exit 1; }
	mv schema.graphql.new schema.graphql
	cargo run -q --bin gigway -- schema --authorization > docs/AUTHORIZATION.md.new || { rm -f docs/AUTHORIZATION.md.new; exit 1; }
	mv docs/AUTHORIZATION.md.new docs/AUTHORIZATION.md

# Report missing programs before cargo fails with linker errors. `test` and `test-one` do not need need-cc, because
# tests/with-services checks for the compiler and can install it.
need-cargo:
	@command -v cargo >/dev/null || { echo 'make: cargo not found. Install Rust from https://rustup.rs and open a new shell.' >&2; exit 1; }

need-cc:
	@command -v cc >/dev/null || { echo 'make: cc not found. SQLite is compiled from C. Install a compiler with: sudo apt-get install gcc libc6-dev' >&2; exit 1; }

need-name:
	@[ -n '$(NAME)' ] || { echo 'make: test-one needs a name: make test-one NAME=browse::' >&2; exit 1; }
