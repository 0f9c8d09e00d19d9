#!/bin/sh
# What HTCondor starts instead of Python, for jobs inside the Apptainer image: the resource job_wrapper=envs/in_image.sh.
# The image is skimflow.sif in the folder of the run, or SKIMFLOW_IMAGE; APPTAINER_BIND names more folders to see inside.
set -eu
# The executor plugin says "<Python of the submit node> -m snakemake ...", or only what follows "-m snakemake".
if [ "${2-}" = -m ]; then shift; else set -- -m snakemake "$@"; fi
exec apptainer exec --bind "$PWD" "${SKIMFLOW_IMAGE:-skimflow.sif}" python "$@"
