"""What others may fetch: ``/metrics``, the JSON API, the page. Reads the snapshot, never changes it."""
