# What CI runs and a newcomer types. Uses uv when it is there, else Python's own venv and pip.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
UV := $(shell command -v uv 2>/dev/null)
BIN := .venv/bin

ifeq ($(UV),)
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
INSTALL_HASHED = $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement
MAKE_VENV = $(PYTHON) -m venv .venv && $(INSTALL_HASHED) requirements-build.txt
INSTALL_RUNTIME = $(INSTALL_HASHED) requirements.txt && $(INSTALL) --no-deps --no-build-isolation --editable .
INSTALL_DEV = $(INSTALL) --group dev --no-build-isolation --editable ".[heic,socks,svg,team,terminal]"
INSTALL_DEPLOY = $(INSTALL) --group deploy
else
INSTALL_DEPLOY = uv sync --quiet --locked --inexact --all-extras --group deploy
MAKE_VENV = uv venv --quiet --allow-existing $(if $(PYTHON),--python $(PYTHON))
INSTALL_RUNTIME = uv sync --quiet --locked --inexact --no-dev
INSTALL_DEV = uv sync --quiet --locked --inexact --all-extras
endif

MCPB ?= dist/imagerouter-mcp.mcpb
MCPB_TOOL = $(shell command -v mcpb || echo npx --yes @anthropic-ai/mcpb@2.1.2)
BUNDLED := manifest.json pyproject.toml uv.lock README.md LICENSE server .claude-plugin/icon.png

.PHONY: demo test test-tools check suite coverage mutants bench faults team regions views deploy security fuzz conformance hosts mcpb docs recording lock audit snapshots clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: .venv/runtime ## make and edit a picture through a real MCP client; LIVE=1 uses the real service
	$(BIN)/imagerouter-mcp demo $(if $(LIVE),--live)

test-tools: ## install the system packages that tests need: Chromium, PostgreSQL, PgBouncer, faketime
	@tests/install_tools.sh

# Type checking keeps one core busy, and the tests wait often: side by side they are done sooner.
test: .venv/dev ## run all checks and all tests
	@$(MAKE) --no-print-directory --jobs 2 check suite

# Pyright makes much garbage: with room for young objects it needs a tenth less time.
check: export NODE_OPTIONS = --max-semi-space-size=128
check: .venv/dev ## check format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/pyright

# Each process compiles all tests, unless it may keep what another one has compiled.
suite: export PYTHONDONTWRITEBYTECODE =
suite: .venv/dev ## run all tests, spread over the cores
	$(BIN)/pytest --numprocesses auto

# Measuring makes the tests slower by half, so it has a target of its own.
coverage: .venv/dev ## run all tests and show which branches they do not reach
	@rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest --numprocesses auto
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

mutants: .venv/dev ## put 150 faults into the code, one at a time, and show which ones no test notices; SEED=2 ONLY="api fetch.py"
	$(BIN)/pytest --quiet tests/mutants -m long
	PYTHONPATH=tests $(BIN)/python -m mutants --seed $(or $(SEED),1) --number $(or $(NUMBER),150) $(if $(ONLY),--only $(ONLY))

bench: .venv/dev ## measure time and memory, side by side with the bare libraries; ONLY="views studio"
	PYTHONPATH=tests $(BIN)/python -m bench $(ONLY)

faults: .venv/dev ## break everything around the server, repeatedly, and count what is lost or paid for twice
	$(BIN)/pytest tests/faults -m long

team: .venv/dev ## run several servers on one PostgreSQL database and object store: killed, frozen, restarted, away
	$(BIN)/pytest tests/team tests/database tests/gallery/test_object_store.py tests/http_app/test_people.py \
		tests/transports/test_http_object_store.py tests/cli/test_migrate.py tests/cli/test_people.py tests/sign_in \
		-m "long or not long"

regions: .venv/dev ## try sixty masked edits with the sandbox, and draw sheets of them to look at in `regions/`
	REGIONS_SHEETS=regions $(BIN)/pytest tests/regions -m "long or not long"

views: .venv/dev ## check every state of the view in the chat with axe, and draw it in `views-shots/`, to be looked at
	$(BIN)/pytest tests/views -m "long or not long" --numprocesses auto
	PYTHONPATH=tests $(BIN)/python tests/views/screenshots.py

deploy: .venv/dev ## try `deploy/`: what Kubernetes takes, two servers behind Caddy, traces
	@$(INSTALL_DEPLOY)
	$(BIN)/pytest tests/deploy -m "long or not long"

security: .venv/dev ## try what attackers try, and write docs/security-tests.md
	$(BIN)/pytest tests/security -m "long or not long" --accept-security --quiet

fuzz: .venv/dev ## give every tool and reader random input, 100,000 times each
	$(BIN)/pytest tests/fuzz --fuzz 100000 --quiet --numprocesses auto --dist worksteal

conformance: .venv/dev ## run the official MCP suite against the HTTP server; needs npm
	PYTHONPATH=tests $(BIN)/python tests/conformance/run.py

hosts: .venv/dev ## try it with real clients, which npm installs into .hosts, and write docs/hosts.md; ONLY=views RUNS=1
	PYTHONPATH=.:tests $(BIN)/python tests/hosts/run.py $(if $(ONLY),--only $(ONLY)) $(if $(RUNS),--runs $(RUNS))

mcpb: ## pack the bundle for Claude Desktop; needs npm
	@rm -rf build/mcpb && mkdir -p build/mcpb $(dir $(MCPB))
	@git ls-files -z $(BUNDLED) | tar --create --null --files-from - | tar --extract --directory build/mcpb
	$(MCPB_TOOL) pack build/mcpb $(MCPB)

docs: .venv/dev ## write docs/tools.md from the tools themselves
	$(BIN)/python tests/documents/tools_page.py

recording: .venv/dev ## make the README's pictures from real runs with the sandbox; needs Chromium
	PYTHONPATH=tests $(BIN)/python tests/documents/recording.py

snapshots: .venv/dev ## accept the current names, descriptions and schemas of tools and prompts as the contract
	$(BIN)/pytest tests/contract --accept-contract --quiet

lock: ## update all dependencies; needs uv
	uv lock --upgrade
	uv export --quiet --frozen --all-groups --all-extras --no-hashes --no-header --no-annotate --no-emit-project \
		--format requirements.txt --output-file constraints.txt
	uv export --quiet --frozen --no-default-groups --no-header --no-annotate --no-emit-project \
		--format requirements.txt --output-file requirements.txt
	uv export --quiet --frozen --no-default-groups --extra team --no-header --no-annotate --no-emit-project \
		--format requirements.txt --output-file requirements-team.txt
	uv export --quiet --frozen --only-group build --no-header --no-annotate --no-emit-project \
		--format requirements.txt --output-file requirements-build.txt

audit: ## compare all locked versions with known vulnerabilities; needs uv and the network
	uv audit --locked

clean: ## remove what the other targets made
	rm -rf .venv .coverage .coverage.* .pytest_cache .ruff_cache .import_linter_cache .hosts build demo-output dist

.venv/made: requirements-build.txt
	@test -n '$(PYTHON)$(UV)' || { echo 'imagerouter-mcp needs Python 3.11 or later, and none was found.' >&2; exit 1; }
	@echo 'Setting up .venv …'
	@$(MAKE_VENV)
	@touch $@

.venv/runtime: .venv/made pyproject.toml constraints.txt requirements.txt uv.lock
	@$(INSTALL_RUNTIME)
	@touch $@

.venv/dev: .venv/runtime
	@echo 'Installing what the checks and tests need …'
	@$(INSTALL_DEV)
	@touch $@
