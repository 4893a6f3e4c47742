"""The models that the safeguards ask for and may not import themselves: torch lives here."""
