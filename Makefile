# `make` alone shows what there is. Everything runs in .venv, which `make setup` makes by itself.

.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
STAMP := .venv/.setup-done
JOBS ?= 2

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml tools/setup.sh
	sh tools/setup.sh

.PHONY: setup
setup: $(STAMP) ## Make .venv with everything in it (other targets do this when needed)

.PHONY: demo
demo: $(STAMP) ## Show it all on a simulated device: update, tampering, crash, power cut, delta
	.venv/bin/ophion demo

.PHONY: check
check: $(STAMP) ## Lint, format and types, of the host and of the device code
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/mypy --config-file tools/mypy-device.ini

.PHONY: test
test: $(STAMP) ## Run all tests, on CPython and on MicroPython (JOBS: how many files at once)
	$(PYTHON) -m pytest -n $(JOBS) --dist loadfile $(ARGS)

.PHONY: powercut
powercut: $(STAMP) ## Cut power at every flash operation of every strategy (ARGS="--quick", "--help")
	$(PYTHON) tools/powercut $(ARGS)

.PHONY: bench
bench: $(STAMP) ## Count the erases of updates, beside MCUboot's, what a boot costs, and how fast uploads are
	$(PYTHON) tools/bench/erases.py
	$(PYTHON) tools/bench/boot.py
	$(PYTHON) tools/bench/link

.PHONY: hil
hil: $(STAMP) ## Run the end-to-end scenarios on a board (KEY=key.pem BLE=NAME PORT=/dev/ttyUSB0; tools/hil)
	$(PYTHON) tools/hil --key "$(KEY)" --ble "$(BLE)" --port "$(PORT)" $(ARGS)

.PHONY: qemu
qemu: $(STAMP) ## Build MicroPython for QEMU's RISC-V machine, once (tools/qemu)
	$(PYTHON) tools/qemu build

.PHONY: docs
docs: $(STAMP) ## Build the documentation into dist/docs, which needs no network
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --quiet --strict -f host/mkdocs.yml -d $(CURDIR)/dist/docs
	@echo dist/docs/index.html

.PHONY: fuzz
fuzz: $(STAMP) ## Fuzz the SMP service, delta patches, and the cryptography against OpenSSL and ecdsa (ARGS="--seconds 600")
	$(PYTHON) tools/fuzz/smp_service.py $(ARGS)
	$(PYTHON) tools/fuzz/delta.py $(ARGS)
	$(PYTHON) tools/fuzz/delta.py --micropython $(ARGS)
	$(PYTHON) tools/fuzz/crypto.py $(ARGS)

.PHONY: format
format: $(STAMP) ## Format all Python files
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix-only .

.PHONY: dist
dist: $(STAMP) ## Build the wheel and the source distribution into dist/
	.venv/bin/pip install --quiet build
	$(PYTHON) -m build

.PHONY: clean
clean: ## Remove what was made, .venv too
	rm -rf .venv dist .ophion .mypy_cache .pytest_cache .ruff_cache
