"""Everything on one machine: start it, keep it running, check what it lacks."""
