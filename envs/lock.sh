#!/usr/bin/env bash
# Make the lock files anew from pyproject.toml (needs uv). They name packages, versions and hashes, no hosts.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
        --no-emit-find-links --no-annotate --custom-compile-command envs/lock.sh "$@"
}
compile pyproject.toml envs/build.in -o envs/requirements.txt
for extra in remote condor slurm fit ml; do
    compile pyproject.toml envs/build.in --extra "$extra" -c envs/requirements.txt -o "envs/$extra.txt"
done
# Developers run the tests of everything.
compile pyproject.toml envs/build.in --extra remote --extra condor --extra slurm --extra fit --extra ml --group dev \
    -c envs/requirements.txt -o envs/dev.txt
