"""Pictures that a clip begins or ends with: how they come in, and what is kept of them."""
