"""The database's schema, step by step: one file in `versions/` for each change of the tables.

Invariant: a database is brought from any released version to `HEAD` in one transaction, by one
process at a time. Steps are never edited once they are released; a change is a new step. Replicas
of the version before may still be at work during an upgrade, so a step only adds; what they still
read goes one release later.
"""

HEAD = "0009"
"""The newest step: the schema that this code works with."""
