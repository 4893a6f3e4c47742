"""Takedowns: a rights holder claims, clips are withdrawn, their owners can object."""
