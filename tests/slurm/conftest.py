from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slurm.cluster import Cluster, cluster


@pytest.fixture(scope="session")
def slurm(shared: Path) -> Iterator[Cluster]:
    """A real cluster without accounting: squeue, sbatch, scontrol."""
    with cluster(shared / "slurm" / "cluster.sh") as made:
        yield made
