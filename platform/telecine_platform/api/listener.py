"""The socket that the API listens on, opened before the API runs."""

from __future__ import annotations

import socket

from telecine_platform.errors import SettingsError
from telecine_platform.settings import Settings


def open_listener(settings: Settings) -> socket.socket:
    """Bind `host` and `port` (0: a free one); raises `SettingsError` when that cannot be."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror}; "
            "choose another port, or 0 for a free one"
        ) from error


def url_from_listener(listener: socket.socket) -> str:
    """Where the API answers, with the port that was really taken."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
