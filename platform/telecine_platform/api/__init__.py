"""The HTTP API: stateless, the only home of fastapi. It knows two stores, no worker."""
