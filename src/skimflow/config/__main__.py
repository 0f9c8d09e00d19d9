"""`python -m skimflow.config` (or `make schema`): write the JSON schemas and config/README.md anew."""

from pathlib import Path

from skimflow.config.documents import documents

for path, text in documents().items():
    Path(path).write_text(text, encoding="utf-8")
    print(path)
