"""Moderation of the finished frames, before a byte of the clip is released."""
