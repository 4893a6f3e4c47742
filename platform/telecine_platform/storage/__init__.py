"""Blobs: one protocol, two homes (a local folder, S3). Keys are relative, with forward slashes."""
