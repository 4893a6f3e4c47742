"""Screening of the texts that reach the text encoder, before a GPU second is spent."""
