"""Webhooks by the Standard Webhooks specification: signed, retried, replayable."""
