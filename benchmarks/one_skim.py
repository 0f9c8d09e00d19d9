"""What a skim job does, in a process of its own: `python one_skim.py LOCATION THREADS`.

Prints where the counts are; who measures reads them afterwards, as the workflow does.
"""

import json
import sys
from pathlib import Path

from skimflow.skim import Task, skim_file

FOLDER = Path("results/benchmarks")
SETTINGS, GOLDEN = FOLDER / "settings.json", FOLDER / "certified.json"


def main(location: str, threads: int) -> None:
    settings = json.loads(SETTINGS.read_text(encoding="utf-8"))
    task = Task("bench", "x", location, location, str(GOLDEN), settings, {}, threads=threads)
    counts = FOLDER / "x.counts.parquet"
    skim_file(task, counts, FOLDER / "x.events.parquet")
    print(json.dumps({"counts": str(counts)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
