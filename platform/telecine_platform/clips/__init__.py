"""What is known of released clips, so that a copy of one leads back to its job."""
