# The everyday commands. `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help run test lint schema need-cargo need-cc

help: ## List these commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; do printf '%-14s %s\n' "$$name" "$$what"; done

run: need-cargo need-cc ## Start gigway with demo data
	cargo run --bin gigway -- serve --demo

test: need-cargo ## Run all tests, with a PostgreSQL and a Redis of their own
	tests/with-services cargo test --workspace --locked

lint: need-cargo need-cc ## Check the formatting, then clippy; a warning is an error
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

# By way of a second file, so that a build that fails leaves the old schema in place.
schema: need-cargo need-cc ## Write schema.graphql, and docs/AUTHORIZATION.md
	cargo run -q --bin gigway -- schema > schema.graphql.new || { rm -f schema.graphql.new; exit 1; }
	mv schema.graphql.new schema.graphql
	cargo run -q --bin gigway -- schema --authorization > docs/AUTHORIZATION.md.new || { rm -f docs/AUTHORIZATION.md.new; exit 1; }
	mv docs/AUTHORIZATION.md.new docs/AUTHORIZATION.md

# Not listed: these say what to install, before cargo fails with a page of linker errors. `test` goes without
# the second, because tests/with-services looks for the compiler and can install it.
need-cargo:
	@command -v cargo >/dev/null || { echo 'make: gigway is built with Rust, and there is no cargo here. Install it from https://rustup.rs and open a new shell.' >&2; exit 1; }

need-cc:
	@command -v cc >/dev/null || { echo 'make: gigway needs a C compiler (SQLite is compiled from C), and there is no cc here. Install it with: sudo apt-get install gcc libc6-dev' >&2; exit 1; }
