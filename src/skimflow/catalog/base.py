"""What every source of files returns."""

from typing import NamedTuple

from skimflow import paths


class CatalogFile(NamedTuple):
    """One file as its catalogue describes it; None where the catalogue does not say.

    `location` is how to reach it (path or URL), `adler32` eight lower-case hexadecimal digits, `events` the entries.
    `logical` is its LFN where the location has another path, as replicas of Rucio may.
    """

    location: str
    bytes: int | None = None
    adler32: str | None = None
    events: int | None = None
    logical: str | None = None

    @property
    def lfn(self) -> str:
        return self.logical or paths.lfn(self.location)


def adler32(text: str) -> str:
    """An Adler-32 checksum in one form: without `adler32:`, lower case, with leading zeros (the portal drops them).

    >>> adler32("adler32:F5a3b12")
    '0f5a3b12'
    """
    return text.lower().removeprefix("adler32:").rjust(8, "0")
