"""The public interface as a stranger reads it: the real command, its files, its exit codes, its JSON."""
