"""The data plane: the engine, its parallelism, the Ray Serve applications and the command line."""
