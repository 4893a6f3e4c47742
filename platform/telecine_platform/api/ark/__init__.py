"""`/api/v3/contents/generations/tasks`: the Ark content-generation tasks API."""
