#!/bin/sh
# What HTCondor starts on a worker that shares no file system with the submit node (profiles/condor-transfer), in the folder
# where the workflow was sent. SKIMFLOW_PYTHON is a Python there that has the packages of envs/ (on CVMFS, for example).
set -eu
export PYTHONPATH=src
exec "${SKIMFLOW_PYTHON:-python3}" -m snakemake "$@"
