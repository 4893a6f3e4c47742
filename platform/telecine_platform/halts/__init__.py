"""Halts: an operator stops a model, a tenant or a region at once."""
