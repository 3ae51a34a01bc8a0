"""The Grafana dashboard as data (``dashboard.json``) and the plain Python that writes it."""
