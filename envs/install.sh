#!/bin/sh
# What an image holds: the pins of the locks that are named, each with the run-time pins in it, then the package itself.
# Dockerfile and apptainer.def both call this; `envs/install.sh remote condor` does the same to the Python in front.
set -eu
cd "$(dirname "$0")/.."
install() { python -m pip --disable-pip-version-check --no-cache-dir install --quiet --root-user-action ignore "$@"; }
for lock in "$@"; do
    install --require-hashes -r "envs/$lock.txt"
done
install --no-deps --no-build-isolation .
