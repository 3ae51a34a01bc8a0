"""``python -m monitor`` is ``loss-watch``."""

from monitor.cli import main

main()
