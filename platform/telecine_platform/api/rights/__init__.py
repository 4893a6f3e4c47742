"""`/v1/rights`: the registry of the protected, and who may use it."""
