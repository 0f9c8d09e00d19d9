"""What a person is told of a run: how far its skims are, while it runs; what failed and why, when it ends."""

from skimflow.progress.follow import Follower
from skimflow.progress.skims import Skim, Skims

__all__ = ["Follower", "Skim", "Skims"]
