"""The durable job store: what was asked, where it stands, who works on it."""
