"""What each command does, one file a command; ``monitor/cli.py`` only names their options. Output goes to stdout, troubles to stderr."""
