"""The control plane: HTTP API, jobs, storage, settings and telemetry. No torch, no Ray."""
