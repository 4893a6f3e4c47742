"""The ledger in the database: events are appended beside their facts, and sealed in turn."""
