# The targets stand in the order of the data. `make help` prints them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

export UV_PYTHON_DOWNLOADS ?= never
export UV_LINK_MODE ?= copy
UV_VERSION := 0.13.8
UV := $(or $(shell command -v uv 2>/dev/null),.uv/bin/uv)
RUN := .venv/bin
QUESTION ?= How does a document get from a source into the index, and what happens when it disappears?
FEED ?=
TESTS ?= tests/unit tests/integration

##@ Start

.PHONY: demo
demo: .venv/.serve ## Ingest this repository, ask QUESTION, print the cited answer (FEED=URL adds a public feed)
	@$(RUN)/python -m tools.demo $(if $(FEED),--feed "$(FEED)") "$(QUESTION)"

.PHONY: train-demo
train-demo: .venv/.train ## Train an adapter on this repository, judge, release and serve it by a real vLLM, on two cores
	@$(RUN)/python -m tools.train_demo

.PHONY: setup
setup: .venv/.dev ## Install everything a developer needs into .venv

.PHONY: test
test: .venv/.dev chromium ## Run every test that needs no cluster (TESTS=path narrows it)
	@$(RUN)/python -m tools.build ferretdb versitygw > /dev/null
	@$(RUN)/pytest -n 2 --dist loadfile $(TESTS)

.PHONY: charts-test
charts-test: .venv/.dev ## Lint and render every chart, hold it to the API of Kubernetes and to the policies
	@$(RUN)/python -m tools.build argocd argo-lint conftest helm helm-docs kubeconform promtool > /dev/null
	@$(RUN)/python -m tools.charts fetch > /dev/null
	@$(RUN)/pytest -n 2 --dist loadfile tests/charts

##@ Check, in the order of CI

.PHONY: secrets
secrets: .venv/.dev ## Look for secrets in every commit and in what is not committed yet
	@gitleaks="$$($(RUN)/python -m tools.build gitleaks)"; \
	"$$gitleaks" git --no-banner --redact . && "$$gitleaks" git --pre-commit --no-banner --redact .

.PHONY: lint
lint: .venv/.dev ## Lint
	@$(RUN)/ruff check .

.PHONY: format
format: .venv/.dev ## Check that the code is formatted (`make fix` formats it)
	@$(RUN)/ruff format --check .

.PHONY: types
types: .venv/.dev ## Check types (strict) and the import contracts
	@$(RUN)/mypy
	@$(RUN)/lint-imports

.PHONY: fresh
fresh: .venv/.dev ## Check that rendered files are what the code renders
	@$(RUN)/python -m tools.render --check

.PHONY: licences
licences: .venv/.dev ## Check that every locked package that runs with the product may be used and passed on
	@$(RUN)/python -m tools.licences

.PHONY: ci
ci: ## Everything CI does, in its order, stopping at the first failure
	@.ci/run

##@ Change

.PHONY: fix
fix: .venv/.dev ## Format the code and mend what the linter can
	@$(RUN)/ruff check --fix .
	@$(RUN)/ruff format .

.PHONY: render
render: .venv/.dev ## Write the rendered files again (references, README tree, what charts share)
	@$(RUN)/python -m tools.render
	@$(RUN)/python -m tools.charts write

.PHONY: lock
lock: $(UV) ## Resolve uv.lock again
	@$(UV) lock

##@ Measure

.PHONY: bench
bench: .venv/.dev ## Run the benchmarks of docs/benchmarks.md (BENCH=name runs one)
	@$(RUN)/python -m tests.bench $(BENCH)

##@ Clean

.PHONY: clean
clean: ## Remove what is made in the tree: .venv, .twin, caches
	@rm -rf .venv .uv .twin .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: help
help: ## Print this help
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- set-up, nobody calls these by hand ---

.venv/.serve: pyproject.toml uv.lock | $(UV)
	@$(UV) sync --quiet --locked --inexact --extra serve
	@touch $@

.venv/.train: pyproject.toml uv.lock | $(UV)
	@$(UV) sync --quiet --locked --inexact --extra serve --extra train
	@touch $@ .venv/.serve

.venv/.dev: pyproject.toml uv.lock | $(UV)
	@$(UV) sync --quiet --locked --extra serve --extra train --extra pipelines --extra notify --extra dev
	@touch $@ .venv/.serve .venv/.train

.uv/bin/uv:
	@tools/install-uv $(UV_VERSION)

.PHONY: chromium
chromium:
	@command -v chromium > /dev/null || tools/install-package chromium
