"""The kinds of event that a log yields, in one list. ``docs/events.md`` prints this table."""

from __future__ import annotations

KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "started": ("a launcher or a framework announced a new start", ()),
    "rank_member": (
        "some ranks have announced themselves and others have not, told while the log is silent",
        ("joined", "world", "missing"),
    ),
    "ranks_ready": ("all distributed processes are registered", ("world",)),
    "checkpoint_loaded": ("weights were read from a checkpoint", ("path", "loaded", "of")),
    "missing_keys": ("keys of the model that the checkpoint did not have: they start at random", ("count", "keys")),
    "unexpected_keys": ("keys of the checkpoint that the model does not have: they were ignored", ("count", "keys")),
    "mismatched_keys": ("keys that both have, with another shape", ("count", "keys")),
    "resumed": ("training goes on from a checkpoint", ("path", "from_step")),
    "checkpoint_saved": ("a checkpoint was written; once a step", ("path",)),
    "requeued": ("SLURM put the job back into the queue", ("node",)),
    "crash": ("what ended the run, the first cause", ("class", "rank", "node", "line", "tier", "copies", "traceback")),
    "recovered": ("training went on after what had looked like a crash", ("class",)),
    "ended": ("the run is over", ("how", "node")),
}
"""Kind -> what it means, and the names of its fields. ``how`` of ``ended`` is completed, cancelled, time_limit, preempted,
node_fail or oom_killer. Lists of keys hold at most ``MAX_KEYS``; ``count`` is always the whole number."""

MAX_KEYS = 200
