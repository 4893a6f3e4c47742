"""URLs that a caller gives us, looked at before they are stored."""

from __future__ import annotations

from telecine_platform.api.context import ApiContext
from telecine_platform.errors import FetchRefused, InvalidRequest


def check_user_url(context: ApiContext, url: str, param: str) -> None:
    """Raise `InvalidRequest` for a URL that we would never send anything to.

    Only its text is judged here: where its name leads is checked at each connection.
    """
    try:
        context.fetcher.check(url)
    except FetchRefused as error:
        raise InvalidRequest(f"{param}: {error}", param=param, code=error.code) from error
