"""The rights store: what is protected, who may use it, and each use. Every change is a version."""
