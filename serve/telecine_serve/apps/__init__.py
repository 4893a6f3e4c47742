"""One Ray Serve application per stage. Serve places, scales, checks and drains; it owns no job."""
