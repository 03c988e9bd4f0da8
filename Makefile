# Verbs. `make run` and `make demo` need Rust and a C toolchain only; `make test` also starts a real Kafka and PostgreSQL.
CARGO ?= cargo
SERVERS := deploy/local

.PHONY: help run demo build test test-fast check canaries faults mutants fmt bench setup servers servers-down clean

help: ## What there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

run: ## Build, play ninety days of a shop through the real endpoints, erase one customer, then serve until Ctrl-C
	$(CARGO) run --release --quiet --package daybook -- demo

demo: ## The same, then exit; non-zero if any invariant fails
	$(CARGO) run --release --quiet --package daybook -- demo --exit

build: ## The release binary, target/release/daybook
	$(CARGO) build --release --package daybook

setup: ## Install or name what the tests need beside Rust: Java, Maven, PostgreSQL, hledger
	$(SERVERS)/install

test: setup ## Every test, on SQLite and on a real Kafka and PostgreSQL that are stopped again
	$(CARGO) build --package daybook --package audit
	$(SERVERS)/with-servers $(CARGO) test --workspace

test-fast: ## Tests of the pure crates only: no server
	$(CARGO) test --package ledger --package commerce --package subject-keys --package events --package connectors

check: ## Formatting, lints, the build graph, and contracts that must not change by accident
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- --deny warnings
	$(CARGO) test --quiet --package tests layout
	$(CARGO) test --quiet --package events contract

canaries: setup ## A thousand people through everything, half of them erased, and every byte ever written searched for all of them
	$(CARGO) build --package daybook --package audit
	DAYBOOK_WAL_ARCHIVE=1 $(SERVERS)/with-servers env DAYBOOK_CANARIES=$${DAYBOOK_CANARIES:-1000} \
		$(CARGO) test --package tests -- canaries --nocapture --test-threads 1

faults: setup ## Kill, stop, cut off and slow down everything under traffic; the books must be those of a calm run, and wrong builds be found
	$(CARGO) build --package daybook --features failpoints
	cp $${CARGO_TARGET_DIR:-target}/debug/daybook $${CARGO_TARGET_DIR:-target}/debug/daybook-faults
	$(CARGO) build --package daybook --package audit
	DAYBOOK_FAULTS=all $(SERVERS)/with-servers $(CARGO) test --package tests -- faults:: --nocapture --test-threads 1

mutants: ## Change the ledger and the posting rules one place at a time: a change that no test notices fails. Takes an hour or two
	@$(CARGO) mutants --version >/dev/null 2>&1 || { echo "cargo-mutants is missing: cargo install cargo-mutants --locked" >&2; exit 1; }
	RUST_BACKTRACE=0 PROPTEST_CASES=100 PROPTEST_RNG_SEED=1 CARGO_PROFILE_DEV_DEBUG=0 \
		$(CARGO) mutants --package ledger --package commerce --output target

fmt: ## Format
	$(CARGO) fmt --all

bench: setup ## Measure ingest, projection, sealing and erasure against ceilings and floors; writes target/bench.json, fails below a floor
	$(CARGO) build --release --package daybook
	$(SERVERS)/with-servers $(CARGO) bench --package tests

servers: setup ## Start a Kafka and a PostgreSQL for trying things out, and print how to reach them
	$(SERVERS)/up

servers-down: ## Stop them
	$(SERVERS)/down

clean: ## Remove what was built
	$(CARGO) clean
