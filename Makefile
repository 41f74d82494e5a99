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

.PHONY: infra-test
infra-test: .venv/.dev ## Apply infra/ to a local AWS and destroy it (needs terraform 1.11 and its AWS provider; 7 minutes)
	@$(RUN)/python -m tools.terraform infra fmt -check -recursive
	@$(RUN)/pytest -n0 --timeout 1200 tests/infra

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

##@ Release, as .github/workflows do (REGISTRY: what the images' names begin with)

.PHONY: images
images: .venv/.dev ## Build both images from the lock
	@$(RUN)/python -m tools.images build

.PHONY: sbom
sbom: .venv/.dev ## Write what is in each image to dist/
	@$(RUN)/python -m tools.images sbom

.PHONY: push
push: .venv/.dev ## Push both images, and write their digests to dist/images.json
	@$(RUN)/python -m tools.images push

.PHONY: scan
scan: .venv/.dev ## Refuse images in which the registry finds something critical
	@$(RUN)/python -m tools.images scan

.PHONY: sign
sign: .venv/.dev ## Sign both images and their SBOMs by the workflow's identity
	@$(RUN)/python -m tools.images sign

.PHONY: verify
verify: .venv/.dev ## Check that what release.yaml pins was signed by SIGNER
	@$(RUN)/python -m tools.images verify

.PHONY: pin
pin: .venv/.serve ## Pin the pushed images in release.yaml on staging, by one commit
	@$(RUN)/twin release promote --images dist/images.json

.PHONY: release-check
release-check: .venv/.serve ## Refuse a production that holds neither staging's release nor a marked rollback
	@$(RUN)/twin release check

.PHONY: release-notes
release-notes: ## Write what came since the last release to dist/notes.md
	@mkdir -p dist; since="$$(git log -2 --format=%H -- release.yaml | tail -1)"; \
	{ echo "# $$(sed -n 's/^  id: /Release /p' release.yaml 2> /dev/null)"; echo; \
	git log --no-merges --format='- %s (%h)' $${since:+"$$since"..}HEAD; } > dist/notes.md; cat dist/notes.md

.PHONY: audit
audit: $(UV) ## Look for what is known of the locked packages' weaknesses (needs the internet)
	@$(UV) export --quiet --locked --all-extras --no-emit-project --format requirements-txt > .uv-requirements.txt
	@$(UV) tool run --quiet pip-audit@2.10.1 --disable-pip --requirement .uv-requirements.txt; rm -f .uv-requirements.txt

.PHONY: infra-init
infra-init: .venv/.dev ## Initialise ROOT=account|cluster with its state in the bucket STATE
	@test -n "$(ROOT)" -a -n "$(STATE)" -a -n "$(AWS_REGION)" || { echo "set ROOT=account|cluster, STATE=the bucket of infra/state, AWS_REGION, and KEY where a root has several states" >&2; exit 2; }
	@$(RUN)/python -m tools.terraform infra/$(ROOT) init -reconfigure -lockfile=readonly -backend-config=bucket=$(STATE) \
	-backend-config=key=$(or $(KEY),$(ROOT)).tfstate -backend-config=region=$(AWS_REGION)

.PHONY: infra-values
infra-values: .venv/.dev ## Write what Terraform knows to argocd/envs/*.yaml (CHECK=1 only compares)
	@$(RUN)/python -m tools.infra_values $(if $(CHECK),--check)

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
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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
