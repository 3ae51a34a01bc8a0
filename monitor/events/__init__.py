"""What a log says that is no number: starts, ranks, checkpoints, keys that did not fit, crashes, ends.

``EventReader`` is a pure fold over the plain lines of one file; ``first_cause`` picks the crash that counts over all files of a
run; ``KINDS`` and ``CLASSES`` are the fixed lists of event kinds and crash classes.
"""

from monitor.events.classes import CLASSES, CrashClass
from monitor.events.finding import first_cause
from monitor.events.kinds import KINDS
from monitor.events.noise import is_noise, noise_literals
from monitor.events.reader import WANTED, EventReader, in_order
from monitor.events.wording import says_nothing

__all__ = [
    "CLASSES", "KINDS", "WANTED", "CrashClass", "EventReader", "first_cause", "in_order", "is_noise", "noise_literals", "says_nothing",
]  # fmt: skip
