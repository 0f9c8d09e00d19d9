"""Reading NanoAOD, writing Parquet."""
