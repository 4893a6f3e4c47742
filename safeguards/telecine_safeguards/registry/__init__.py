"""What is protected: the entities, and the files they come from."""
