"""Open-loop load against a running server: a written schedule, a driver, an honest report."""
