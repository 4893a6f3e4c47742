"""The guarded fetcher: the only way out to an address that a user chose."""
