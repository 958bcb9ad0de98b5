# The few tasks. Each is one line that can be typed as well, if you have no just.

# List the tasks.
default:
    @just --list

# Install the package as it stands here, with what its tests need.
install:
    pip install -e ".[dev]"

# Lint, format, types, all tests: what a change must pass.
check:
    scripts/check

# All tests, or those that are named.
test *args:
    pytest -n auto {{ args }}

# The tests that take no time, under a minute.
fast *args:
    pytest -n auto -m "not slow" {{ args }}

# The tests of one room, and the examples in its docstrings: just room prosody
room name:
    pytest tests/{{ name }} poetgen/{{ name }}

# Put right what ruff can put right.
format:
    ruff check --fix .
    ruff format .

# All from nothing, in a fresh environment.
ci:
    .ci/run
