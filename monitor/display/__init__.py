"""The terminal: the live table of ``watch``, which ``status`` prints once. The only importer of rich."""

from monitor.display.table import LiveTable, print_table, render

__all__ = ["LiveTable", "print_table", "render"]
