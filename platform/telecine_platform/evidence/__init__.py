"""What moderation found in clips, kept for reviewers and for a time."""
