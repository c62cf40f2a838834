# make run            set up, then complete code in WORKSPACE (default: this repository) through a real language server
# make test           set up, then every check that needs neither root nor an editor
# make test-editors   the real editors (root on Debian; fetches them from Debian's packages)
# make test-postgres  the tests of the state on PostgreSQL (root on Debian, which installs it)
# make help           all targets

PYTHON    ?= python3
WORKSPACE ?= .
# not every shell expands the tilde of a variable
FOLDER    := $(patsubst ~/%,$(HOME)/%,$(WORKSPACE))
VENV      := .venv
EXTENSION := editors/vscode
VSIX      ?= $(CURDIR)/dist/starling.vsix

# the Node that came with the workbench, if there is one
export PATH := $(CURDIR)/.cache/vscode/node/bin:$(PATH)
BIN       := $(VENV)/bin
PIP       := $(BIN)/python -m pip --disable-pip-version-check -q
PYTEST    := $(BIN)/python -m pytest
# the tests share the processors, one more than which `auto` stands for (tests/conftest.py); editors are driven one after the other
PARALLEL  := -n auto --maxprocesses 8 --dist worksteal
# the recipe of the bundled model needs PyTorch, the program and its tests do not: an environment of its own
TRAINING  := .venv-training
# the site of the documents and the recording need tools that the program and its tests do not
DOCS      := .venv-docs
SITE      := .cache/site
EDITORS   := $(CURDIR)/.cache/editors
# tests that make a state database
STATE_TESTS  := tests/server/state tests/server/access tests/server/assembly/databases tests/server/assembly/watching \
  tests/server/assembly/test_chats.py tests/server/gate/test_journal.py tests/server/gate/test_requests.py \
  tests/server/gate/test_undoing.py tests/server/gate/test_partial_approval.py tests/server/deployment tests/server/work \
  tests/server/lsp/editor/test_clients.py tests/agents/autopilot tests/agents/team/memory tests/agents/team/queue \
  tests/agents/team/workflows tests/agents/team/test_session_runner.py tests/agents/team/test_asked_again.py \
  tests/agents/team/test_bad_input.py
NEOVIM_TESTS := $(wildcard tests/editors/test_neovim*.py)
VSCODE_TESTS := $(wildcard tests/editors/test_vscode*.py)
# Failed tests run once more, alone, and have to pass then: beside others, or on a busy machine, some exceed their time.
define tests
$(PYTEST) $(1) $(2) || { echo "Once more, alone, what failed:"; $(PYTEST) -n 0 --maxfail 20 --last-failed --last-failed-no-failures none $(1); }
endef

.DEFAULT_GOAL := help
.PHONY: help run test lint unit train-smoke test-editors test-neovim test-emacs test-helix test-acpx test-vscode test-postgres vscode eval-data eval bench format docs recording lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' || { \
	  echo "Starling needs Python 3.11 to 3.14, and '$(PYTHON)' is not one. Name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  echo "'$(PYTHON)' has no venv module. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV); the first time this takes about a minute."
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

run: $(VENV)/.runtime  ## complete code in WORKSPACE=DIR and show it
	$(BIN)/starling demo --workspace "$(FOLDER)"

test: lint unit  ## every check that needs neither root nor an editor

lint: $(VENV)/.dev  ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers auto
	$(BIN)/lint-imports

unit: $(VENV)/.dev  ## the tests alone
	$(call tests,--ignore=tests/editors,$(PARALLEL))

# On Linux with an x86 processor the usual PyTorch brings CUDA's libraries, some gigabytes. Where that is too much, name a
# package index with PyTorch's builds for CPUs: make train-smoke TORCH_INDEX=URL
$(TRAINING)/.installed: requirements-training.txt requirements.lock | $(BIN)/python
	@echo "Installing PyTorch into $(TRAINING), for the recipe of the bundled model; once."
	$(PYTHON) -m venv $(TRAINING)
	$(TRAINING)/bin/python -m pip --disable-pip-version-check -q install --require-hashes -r requirements.lock
	$(TRAINING)/bin/python -m pip --disable-pip-version-check -q install \
	  $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -r requirements-training.txt
	@touch $@

train-smoke: $(TRAINING)/.installed  ## the recipe of the bundled model on a few files (installs PyTorch)
	$(TRAINING)/bin/python -m models.training.smoke

test-editors: test-neovim test-vscode test-emacs test-helix test-acpx  ## drive all the real editors (root on Debian)

test-neovim: $(VENV)/.dev  ## Neovim 0.12 and 0.11 alone
	sh tests/editors/install.sh neovim $(EDITORS)
	PYTHON=$(BIN)/python sh tests/editors/install.sh neovim-0.11 $(EDITORS)
	export NEOVIM=$(EDITORS)/neovim NEOVIM_0_11=$(EDITORS)/neovim-0.11; \
	$(call tests,$(NEOVIM_TESTS))

test-emacs: $(VENV)/.dev  ## Emacs alone
	sh tests/editors/install.sh emacs $(EDITORS)
	export EMACS=$(EDITORS)/emacs; $(call tests,tests/editors/test_emacs.py)

test-helix: $(VENV)/.dev  ## Helix alone
	sh tests/editors/install.sh helix $(EDITORS)
	export HELIX=$(EDITORS)/helix; $(call tests,tests/editors/test_helix.py)

test-acpx: $(VENV)/.dev  ## acpx alone, a client of the Agent Client Protocol (needs npm)
	sh tests/editors/install_acpx.sh $(EDITORS)
	export ACPX=$(EDITORS)/acpx; $(call tests,tests/editors/test_acpx.py)

test-vscode: $(VENV)/.dev  ## check the VS Code extension, and drive it in the real workbench
	sh tests/editors/install_vscode.sh .cache/vscode
	$(MAKE) --no-print-directory vscode
	cd $(EXTENSION) && npm run --silent lint && npm test --silent
	export VSIX=$(VSIX); $(call tests,$(VSCODE_TESTS))

test-postgres: $(VENV)/.dev  ## the tests of the state on PostgreSQL (root on Debian)
	sh tests/install_postgresql.sh
	export TEST_DATABASE=postgresql; $(call tests,$(STATE_TESTS),$(PARALLEL))

vscode: $(EXTENSION)/node_modules/.installed  ## build the VS Code extension into VSIX=FILE
	cp LICENSE CHANGELOG.md $(EXTENSION)/
	mkdir -p $(dir $(VSIX))
	cd $(EXTENSION) && node esbuild.mjs && npm run --silent package -- -o $(VSIX)

$(EXTENSION)/node_modules/.installed: $(EXTENSION)/package-lock.json
	@node -e 'process.exit(+(parseInt(process.versions.node) < 20))' && command -v npm >/dev/null || { \
	  echo "The extension is built with Node 20 or newer and npm. 'sh tests/editors/install_vscode.sh .cache/vscode' brings both." >&2; exit 1; }
	cd $(EXTENSION) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && node node_modules/esbuild/install.js
	@touch $@

eval-data: $(VENV)/.dev  ## fetch the evaluation packages once (needs Node and npm)
	$(PIP) install --require-hashes -r requirements-eval.lock
	$(BIN)/python tests/eval/data.py
	$(BIN)/python -m tests.eval.typescript_packages

eval: eval-data  ## measure quality again and rewrite the tables in tests/eval/
	$(BIN)/python tests/eval/run.py

bench: $(VENV)/.dev  ## measure speed again and rewrite benchmarks/results.json
	$(BIN)/python benchmarks/run.py

format: $(VENV)/.dev  ## format the code, apply safe fixes of ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(DOCS)/.installed: requirements-docs.lock | $(BIN)/python
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip --disable-pip-version-check -q install --require-hashes -r requirements-docs.lock
	@touch $@

docs: $(VENV)/.dev $(DOCS)/.installed  ## rewrite the generated documents, and build the site into dist/site; a broken link fails
	$(BIN)/python tests/tidy/pages.py
	$(BIN)/python tests/tidy/neovim_help.py
	$(BIN)/python tests/tidy/vscode_settings.py
	$(BIN)/python docs/site.py $(SITE)
	cd $(SITE) && "$(CURDIR)/$(DOCS)/bin/zensical" build --strict
	mkdir -p dist && rm -rf dist/site && mv $(SITE)/site dist/site

recording: $(VENV)/.runtime $(DOCS)/.installed  ## record docs/recording.svg anew in Neovim 0.12 (root on Debian)
	sh tests/editors/install.sh neovim $(EDITORS)
	NEOVIM=$(EDITORS)/neovim $(DOCS)/bin/python -m docs.recording docs/recording.svg "$(CURDIR)/$(BIN)"

lock:  ## resolve the dependencies anew (needs uv)
	uv pip compile -q --universal --upgrade --generate-hashes --no-header --no-annotate --python-version 3.11 pyproject.toml -o requirements.lock
	uv pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -c requirements.lock pyproject.toml --group dev -o requirements-dev.lock
	uv pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -c requirements-dev.lock pyproject.toml --group dev --group eval -o requirements-eval.lock
	uv pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --group docs -o requirements-docs.lock

clean:  ## remove the environment and caches
	rm -rf $(EXTENSION)/node_modules $(EXTENSION)/dist $(VENV) $(TRAINING) $(DOCS) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
