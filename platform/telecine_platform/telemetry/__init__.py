"""Logs, traces and what they have in common: the job's id."""
