"""Kubernetes: what an upgrade would do, what a cluster shows, what it lacks."""
