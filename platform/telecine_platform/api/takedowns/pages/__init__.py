"""`/takedowns`: pages for people on both sides of a claim. Plain HTML, no scripts."""
