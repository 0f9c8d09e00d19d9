#!/usr/bin/env bash
# Make the lock files anew from pyproject.toml (needs uv). They name packages, versions and hashes, no hosts.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
        --no-emit-find-links --no-annotate --custom-compile-command envs/lock.sh "$@"
}
compile pyproject.toml envs/build.in -o envs/requirements.txt
compile pyproject.toml envs/build.in --extra remote -c envs/requirements.txt -o envs/remote.txt
compile pyproject.toml envs/build.in --extra remote --group dev -c envs/requirements.txt -o envs/dev.txt
