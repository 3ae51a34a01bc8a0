"""The finished runs that a watcher knows, by the name of their job, for the next runs of it to be held against.

A job's name is SLURM's where it was asked, else what stands before the id in the name of its file: ``topoflow_full_finetune`` of
``topoflow_full_finetune_13503904.out``. ``slurm-13503904.out`` has none: all jobs that are not named are called so.
"""

from __future__ import annotations

from collections.abc import Iterable

from monitor.tail.runs import job_name
from monitor.views import state_of
from rules.history import RunState
from rules.references import MOST_RUNS, Reference, reference


class EarlierRuns:
    """Keeps the curves of the last ``MOST_RUNS`` finished runs of each job name; latest first."""

    def __init__(self, runs: Iterable[RunState] = ()) -> None:
        self._by_job: dict[str, list[Reference]] = {}
        for run in sorted(runs, key=lambda run: run.last_line_s or 0.0):
            self.take(run)

    def take(self, run: RunState) -> None:
        """Remember ``run`` where it has ended as it should and its job has a name."""
        if not run.series or state_of(run) != "ended" or (name := job_of(run)) is None:
            return
        known = [one for one in self._by_job.get(name, []) if one.run != run.run]
        self._by_job[name] = [reference(run.run, run.series, run.earlier), *known][:MOST_RUNS]

    def give(self, run: RunState) -> None:
        """Tell ``run`` of the runs before it."""
        name = job_of(run)
        run.references = tuple(one for one in self._by_job.get(name, []) if one.run != run.run) if name is not None else ()


def job_of(run: RunState) -> str | None:
    """The name of the run's job; None where it has none of its own."""
    told = run.facts.get("job_name")
    return str(told) if told else next((name for path in run.paths if (name := job_name(path)) is not None), None)
