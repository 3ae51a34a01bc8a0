"""loss-watch looks at the world here: files, sockets, clocks, the terminal. What it thinks of them lives in ``rules``."""

__version__ = "0.1.0"
