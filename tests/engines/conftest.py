"""One HTCondor pool and one Slurm cluster for all tests that need them; where they cannot be had, those tests skip."""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engines import condor as htcondor
from tests.engines import slurm as slurm_engine
from tests.engines.cluster import ClusterCheckout
from tests.engines.condor import Pool
from tests.engines.condor_runs import CondorCheckout
from tests.engines.slurm import Cluster
from tests.engines.slurm_runs import SlurmCheckout

NAMES = ("condor", "slurm")
AS_IT_IS = "selection={'lead_pt': 25}"
"""Changes nothing, but must reach the jobs in one piece."""
PROXY = {"X509_USER_PROXY": "/shared/proxy", "BEARER_TOKEN_FILE": "/shared/token", "BEARER_TOKEN": "a b;c"}


@pytest.fixture(autouse=True, scope="session")
def ctrl_c() -> None:
    """A command that a shell puts into the background ignores SIGINT, and all that it starts: here runs get one."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    need("snakemake_executor_plugin_htcondor", "make condor", htcondor.missing())
    try:
        htcondor.fetch()
    except RuntimeError as error:
        _absent(str(error))
    with tempfile.TemporaryDirectory(prefix="sf-") as folder, htcondor.running(Path(folder)) as started:
        yield started


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    need("snakemake_executor_plugin_slurm", "make slurm", slurm_engine.missing())
    with tempfile.TemporaryDirectory(prefix="sf-") as folder, slurm_engine.running(Path(folder)) as started:
        yield started


@pytest.fixture(scope="session")
def condor_local(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> CondorCheckout:
    """A run on this machine: what all others are compared with, and where they have their toy files from."""
    return _run_here(CondorCheckout(tmp_path_factory.mktemp("condor") / "local", pool))


@pytest.fixture(scope="session")
def slurm_local(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> SlurmCheckout:
    return _run_here(SlurmCheckout(tmp_path_factory.mktemp("slurm") / "local", cluster))


@pytest.fixture
def condor(condor_local: CondorCheckout, pool: Pool, tmp_path: Path) -> CondorCheckout:
    """A folder without results."""
    return CondorCheckout(tmp_path / "here", pool, condor_local)


@pytest.fixture
def slurm(slurm_local: SlurmCheckout, cluster: Cluster, tmp_path: Path) -> SlurmCheckout:
    return SlurmCheckout(tmp_path / "here", cluster, slurm_local)


@pytest.fixture(scope="session")
def condor_finished(pool: Pool, condor_local: CondorCheckout, tmp_path_factory: pytest.TempPathFactory):
    """A run through the batch system, typed as a user would, with one toy file still to be made."""
    return _run_there(CondorCheckout(tmp_path_factory.mktemp("condor") / "finished", pool, condor_local))


@pytest.fixture(scope="session")
def slurm_finished(cluster: Cluster, slurm_local: SlurmCheckout, tmp_path_factory: pytest.TempPathFactory):
    return _run_there(SlurmCheckout(tmp_path_factory.mktemp("slurm") / "finished", cluster, slurm_local))


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in NAMES])
def of_engine(request: pytest.FixtureRequest) -> Callable[[str], ClusterCheckout]:
    """The fixture of one engine: `of_engine("_local")`; tests that take it run once for each engine."""
    return lambda ending: request.getfixturevalue(request.param + ending)


@pytest.fixture
def checkout(of_engine: Callable) -> ClusterCheckout:
    return of_engine("")


@pytest.fixture
def local(of_engine: Callable) -> ClusterCheckout:
    return of_engine("_local")


@pytest.fixture
def finished(of_engine: Callable) -> ClusterCheckout:
    return of_engine("_finished")


def _run_here(checkout: ClusterCheckout) -> ClusterCheckout:
    checkout.run("--cores", "2")
    return checkout


def _run_there(checkout: ClusterCheckout) -> ClusterCheckout:
    for path in checkout.folder.glob("results/toy/small_tt/*"):
        path.unlink()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in PROXY.items():
            patch.setenv(name, value)
        checkout.go_well("--config", AS_IT_IS)
    return checkout


def need(plugin: str, command: str, missing: str) -> None:
    """Skip where a Python package, or something of the machine, is not there."""
    pytest.importorskip(plugin, reason=f"{plugin} is not installed ({command})")
    if missing:
        _absent(f"not on this machine: {missing}")


def _absent(reason: str) -> None:
    """Skip; an error where CI says that the engines must be there."""
    if os.environ.get("SKIMFLOW_REQUIRE_ENGINES"):
        pytest.fail(reason)
    pytest.skip(reason)
