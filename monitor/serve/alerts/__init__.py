"""The Prometheus rules that ship: ``rules.yaml``, as data."""
