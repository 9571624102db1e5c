# Two commands do everything on a fresh machine: `make demo` and `make test`. The rest is for developers.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NATIVE := CMakeLists.txt pyproject.toml $(shell find csrc cmake -type f)
CXX_FILES = $(shell find csrc tests/fuzz tests/sanitized -name '*.h' -o -name '*.cc' -o -name '*.cu' -o -name '*.cuh')

TESTING := --config-settings=cmake.define.DIM_TRT_TESTING=ON

.PHONY: demo test cluster-test lint format bench ship docs wheel fuzz fuzz-keep fuzz-coverage asan tsan soak seeds verify clean
SECONDS ?= 60

demo: $(VENV)/engine.stamp
	mkdir -p out
	$(BIN)/python -m dim_trt.build -o out/dim.plan --precision fp16
	$(BIN)/python -m dim_trt.matte --plan out/dim.plan --image samples/astronaut.png \
	  --trimap samples/astronaut_trimap.png --closed-form -o out/alpha.png --composite out/composite.png \
	  --background samples/background.jpg
	$(BIN)/python -m benchmarks.side_by_side --image samples/astronaut.png --trimap samples/astronaut_trimap.png \
	  --alpha out/alpha.png --composite out/composite.png -o out/side_by_side.png

# On all cores, then what measures time or memory alone.
test: $(VENV)/dev.stamp
	@failed=0; \
	$(BIN)/python -m pytest -n auto --dist loadscope -m "not measures and not cluster" || failed=1; \
	$(BIN)/python -m pytest -m "measures and not cluster" || failed=1; \
	exit $$failed

# Ray with three nodes on this machine: workers, nodes and drivers that are killed, a full disk; torchrun on two; minutes.
cluster-test: $(VENV)/dev.stamp
	$(BIN)/python -m pip install --quiet 'ray[serve]>=2.51'  # not for all tests: its nodes take longer to start
	$(BIN)/python -m pytest tests/cluster tests/triton tests/training/test_two_machines.py

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/clang-format --dry-run --Werror $(CXX_FILES)
	$(BIN)/python -m tools.layers

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CXX_FILES)

# The full measurement, about 25 minutes on four idle cores: charts and README's tables are drawn again from it.
# make bench ALPHAMATTING=DIR   the photographs of alphamatting.com, too      make bench RESUME=1   goes on
# make bench STEPS="memory-full-1080p stages-full"   these steps alone        make bench QUICK=1    tiny, into out/bench
bench: $(VENV)/bench.stamp
	$(BIN)/python -m benchmarks.suite $(if $(ALPHAMATTING),--alphamatting "$(ALPHAMATTING)") \
	  $(if $(STEPS),--only $(STEPS)) $(if $(RESUME),--resume) $(if $(QUICK),--quick)
	$(if $(QUICK),,$(BIN)/python -m benchmarks.report --this-machine)

# Better weights, in minutes on any machine: exported, measured, and all that speaks of them written again.
# make ship CHECKPOINT=runs/lite/checkpoint.pt ALPHAMATTING=DIR HARDWARE="two cores of an AMD EPYC, begun from …"
ship: $(VENV)/bench.stamp
	$(BIN)/python -m tools.ship --checkpoint "$(CHECKPOINT)" --alphamatting "$(ALPHAMATTING)" --hardware "$(HARDWARE)"

docs: $(VENV)/dev.stamp
	$(BIN)/python -m tools.api_docs

# For every supported Python on this machine; WHEEL=--ends takes the oldest and the newest, WHEEL='--only 3.12' one.
wheel: $(VENV)/dev.stamp
	$(BIN)/python -m tools.wheels $(WHEEL)

# These need clang with its runtime and say what to install where it is missing.
fuzz: $(VENV)/dev.stamp
	$(BIN)/python -m tests.fuzz run --seconds $(SECONDS)
	$(BIN)/python -m tests.fuzz coverage

# What the last run found becomes part of the corpus.
fuzz-keep: $(VENV)/dev.stamp
	$(BIN)/python -m tests.fuzz keep

fuzz-coverage: $(VENV)/dev.stamp
	$(BIN)/python -m tests.fuzz coverage

asan: $(VENV)/dev.stamp
	$(BIN)/python -m tests.sanitizers address

tsan: $(VENV)/dev.stamp
	$(BIN)/python -m tests.sanitizers thread

soak: $(VENV)/dev.stamp
	$(BIN)/python -m tests.soak

seeds: $(VENV)/dev.stamp
	$(BIN)/python -m tests.support.seeds

# All of it, as for a nightly run; says how long it took.
verify:
	@start=$$(date +%s) && $(MAKE) lint test cluster-test seeds asan tsan soak fuzz && \
	  echo "verify: everything is clean after $$(($$(date +%s) - start)) s"

clean:
	rm -rf $(VENV) build out .mypy_cache .ruff_cache .pytest_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/engine.stamp: $(VENV)/bin/python $(NATIVE)
	$(BIN)/python -m pip install --quiet -e '.[opencv]'
	touch $@

# Torch comes first and pinned, so that nothing else chooses a version of it; the extra takes what users have.
$(VENV)/dev.stamp: $(VENV)/bin/python $(NATIVE)
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet -e '.[cluster,opencv,serve,train,triton]' --group dev $(TESTING) \
	  --config-settings=cmake.define.DIM_TRT_WERROR=ON
	-$(BIN)/python -m pip install --quiet --no-deps nvidia-pytriton  # for its server alone; it asks for numpy 1
	touch $@ $(VENV)/engine.stamp

$(VENV)/bench.stamp: $(VENV)/dev.stamp
	$(BIN)/python -m pip install --quiet --group bench
	touch $@
