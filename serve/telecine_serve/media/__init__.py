"""Clips as files: the lossless quarantine format, the released MP4, and its still pictures."""
