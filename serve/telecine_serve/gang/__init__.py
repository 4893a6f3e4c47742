"""The ranks of one generation replica: placed together, started together, ended together."""
