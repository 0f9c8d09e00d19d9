"""How a job speaks: into its log, and to the terminal when it fails."""

import contextlib
import logging
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from skimflow.errors import SkimflowError


@contextlib.contextmanager
def reporting(log: str | Path) -> Iterator[None]:
    """Log to a file; end the process with `error: …` when the user can mend it, with a traceback in the log otherwise.

    Args:
        log: the job's log file; it is written anew.
    """
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=log, filemode="w", level=logging.INFO, format="%(levelname)s %(message)s", force=True)
    logging.captureWarnings(True)
    try:
        yield
    except SkimflowError as error:
        logging.error("%s", error)
        sys.exit(f"error: {error}")
    except Exception as error:
        logging.error("%s", traceback.format_exc())
        sys.exit(f"error: {type(error).__name__}: {error} (a defect of skimflow; the traceback is in {log})")
    logging.info("done")
