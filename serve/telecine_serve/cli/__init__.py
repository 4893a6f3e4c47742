"""The `telecine` command: few verbs, JSON with `--json`, errors on standard error."""
