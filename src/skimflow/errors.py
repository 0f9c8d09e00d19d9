"""Errors that are meant for a person: what is wrong, in which file, and what to do."""


class SkimflowError(Exception):
    """Something the user can mend. Its text is the whole message; no traceback is shown."""


class ConfigError(SkimflowError):
    """The configuration cannot be used."""


class NotLockedError(ConfigError):
    """A dataset needs a data lock, or a new one, before its files are known."""


class InputError(SkimflowError):
    """An input file cannot be read, or is not what it should be.

    `reason` is one word for tables (`missing`, `not_root`, `no_events_tree`, `missing_branch`, `corrupt`, ...); `tried`
    names the location of each attempt, when there were several.
    """

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason
        self.tried: list[str] = []


class IncompleteError(SkimflowError):
    """Too little of the data was processed to go on."""


class EngineError(SkimflowError):
    """The batch system does not answer, or refuses."""
