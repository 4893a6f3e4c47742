"""`python -m telecine_serve.cli`, the same as `telecine`."""

from telecine_serve.cli.main import main

main()
