"""Trains the embedded model from a seed: clips and captions of our own, no outside data."""
