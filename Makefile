# Thin and present everywhere: each target prints what it runs. `make run` and `make test` work on a
# fresh checkout with nothing set up before.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

PROTO := $(shell find proto -name *.proto)
CLIENTS := tests/clients
PEERS := build/peers

.PHONY: run test peers jaeger check lint types arch wheel bench bench-codec bench-memory bench-metrics bench-query faults faults-points fuzz fuzz-api fuzz-native golden laws sim proto pin clean

run: $(READY) ## everything in one process: embedded NATS and chdb
	$(BIN)/aura up

test: $(READY) ## every test that has what it needs on this machine
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

peers: $(addprefix $(PEERS)/,go collector javascript java rust jaeger-idl browser timescaledb) ## what the tests send with, and a TimescaleDB

jaeger: $(PEERS)/jaeger ## Jaeger itself, for the tests that have it store in Aura: minutes of CPU

check: $(READY) lint types arch wheel

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

arch: $(READY)
	$(BIN)/lint-imports

wheel: $(READY) ## the built wheel, in an environment of its own, outside the checkout
	sh tests/wheel.sh

bench: $(READY) ## CPU per million records, beside the bare insert and other receivers: RECORDS= (500000)
	$(BIN)/python -m tests.bench --records $(or $(RECORDS),500000)

bench-metrics: $(READY) ## points into each store beside COPY or the bare insert, on disk, asked over time
	$(BIN)/python -m tests.bench.metrics

bench-codec: $(READY) ## microseconds a record of the codec: protobuf beside its own parse, JSON beside protobuf
	$(BIN)/python -m tests.bench.codec
	$(BIN)/python -m tests.bench.json_codec

bench-memory: $(READY) ## resident memory while 24 senders send as fast as they may
	$(BIN)/python -m tests.bench.saturated

bench-query: $(READY) ## questions over spans and logs, cold, beside SQL: RECORDS= (1000000), FOLDER=, ARGS=
	$(BIN)/python -m tests.bench.query --records $(or $(RECORDS),1000000) \
		--folder $(or $(FOLDER),build/shop-$(or $(RECORDS),1000000)) $(ARGS)

fuzz: $(READY) ## attack an Aura: MINUTES= (10), SEED= (printed), CASE= (one alone)
	$(BIN)/python -m tests.fuzz

fuzz-api: $(READY) ## schemathesis on the query API of an Aura: MINUTES= (10), SEED= (printed)
	$(BIN)/python -m tests.fuzz.openapi

faults: $(READY) ## kills, full disks, clocks, rude clients; all counted: ROUNDS= (200), MINUTES=, SEED=
	$(BIN)/python -m tests.faults

faults-points: $(READY) ## the same to points in PostgreSQL: ROUNDS= (100) of each kind, SEED= (printed)
	ROUNDS=$${ROUNDS:-100} $(BIN)/pytest -n 0 -s tests/integration/test_timescale_faults.py

fuzz-native: $(READY) ## the native codec on mutated requests, under sanitizers: MINUTES= (1)
	sh tests/native/run.sh $(or $(MINUTES),1)

laws: $(READY) ## more examples of the laws than `make test` has time for: TIMES= (10)
	LAWS=$(or $(TIMES),10) $(BIN)/pytest -n 2 tests/unit tests/contract/test_processor.py

sim: $(READY) ## thousands of schedules of the committer: ROUNDS=, SEED=
	ROUNDS=$${ROUNDS:-20000} $(BIN)/pytest -n 2 tests/sim

proto: ## the descriptors of our own services anew, without all the rest of the set-up
	$(BIN)/python setup.py --quiet proto

golden: $(READY) ## write the snapshots anew
	AURA_GOLDEN=write $(BIN)/pytest tests/golden tests/unit/query

pin: $(READY) ## write constraints.txt from what is installed
	$(BIN)/pip freeze --exclude-editable | grep -v '^aura' > constraints.txt

clean:
	rm -rf .venv build *.egg-info otlp/codec/*.so storage/*.binpb query/jaeger/rpc/*.binpb

$(READY): pyproject.toml constraints.txt setup.py $(wildcard otlp/codec/native/*) $(PROTO)
	$(PYTHON) -c 'import sys; sys.exit("Aura needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

$(PEERS)/go $(PEERS)/collector: $(PEERS)/%: $(CLIENTS)/%/main.go $(CLIENTS)/%/go.mod $(CLIENTS)/%/go.sum
	cd $(CLIENTS)/$* && go build -o $(CURDIR)/$@ .

$(PEERS)/jaeger-idl: $(CLIENTS)/jaeger-idl/go.mod $(CLIENTS)/jaeger-idl/go.sum
	mkdir -p $@
	cd $(CLIENTS)/jaeger-idl && go mod download && \
		cp -r --no-preserve=mode $$(go list -m -f '{{.Dir}}' github.com/jaegertracing/jaeger-idl)/proto/. $(CURDIR)/$@
	touch $@

$(PEERS)/jaeger: $(CLIENTS)/jaeger/go.mod $(CLIENTS)/jaeger/go.sum
	cd $(CLIENTS)/jaeger && go build -ldflags '-s -w' -o $(CURDIR)/$@ github.com/jaegertracing/jaeger/cmd/jaeger

$(PEERS)/javascript: $(addprefix $(CLIENTS)/javascript/,client.js package.json package-lock.json .npmrc)
	mkdir -p $@ && cp $^ $@
	cd $@ && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

$(PEERS)/browser: $(addprefix $(CLIENTS)/browser/,jaeger.js package.json package-lock.json .npmrc)
	mkdir -p $@ && cp $^ $@
	cd $@ && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

$(PEERS)/timescaledb: $(addprefix $(CLIENTS)/timescaledb/,server.mjs package.json package-lock.json .npmrc)
	mkdir -p $@ && cp $^ $@
	cd $@ && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

$(PEERS)/java: $(CLIENTS)/java/pom.xml $(CLIENTS)/java/src/main/java/Client.java
	cd $(CLIENTS)/java && mvn -q -B -ntp -Dfolder=$(CURDIR)/$@ compiler:compile dependency:copy-dependencies
	touch $@

$(PEERS)/rust: $(CLIENTS)/rust/Cargo.toml
	mkdir -p $@/src && cp $< $@/ && echo 'fn main() {}' > $@/src/main.rs
	cd $@ && cargo build --quiet
