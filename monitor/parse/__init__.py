"""Reading logs: bytes in, observations, events and progress out. ``LogParser`` is the fold, ``Catalogue`` the known formats."""

from monitor.parse.catalogue import Catalogue, FormatError
from monitor.parse.parser import LogParser

__all__ = ["Catalogue", "FormatError", "LogParser"]
