"""Where the service is and who asks it: how steps become httpx requests, and what httpx raises becomes ours. No I/O."""

import re
from urllib.parse import urlsplit

import httpx

from reelkeep.errors import UnreachableError
from reelkeep.steps import Answer, Fetch, Request

_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Door:
    """One service, asked with one token."""

    def __init__(self, url: str, token: str) -> None:
        """
        Raises:
            ValueError: the URL or the token cannot be used; the token is not in the message.
        """
        try:
            parts = urlsplit(url)
            is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            is_url = False
        if not is_url or "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError("the service's URL is like https://host[:port][/path], without user, query and fragment")
        if not re.fullmatch(r"[!-~]*", token):
            raise ValueError("the token holds characters that no token has (a line's end?)")
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def request(self, http: httpx.Client | httpx.AsyncClient, step: Request | Fetch) -> httpx.Request:
        """
        What is sent for *step*.

        The store gets nothing of *http*'s own headers and cookies: it refuses a presigned link that comes with
        credentials, and ours are none of its business.
        """
        bounds = http.timeout.as_dict()
        if isinstance(step, Fetch):
            return httpx.Request(
                "GET", step.url, headers={"Accept-Encoding": "identity"}, extensions={"timeout": bounds}
            )
        headers = {"Accept": "application/json", **self._headers, **step.headers}
        if step.patience is not None and bounds["read"] is not None:
            bounds["read"] = max(bounds["read"], step.patience)
        return http.build_request(
            step.method, self.url + step.path, params=dict(step.params) or None, json=step.body, headers=headers,
            extensions={"timeout": bounds},
        )  # fmt: skip

    def told(self, exc: BaseException) -> BaseException:
        """*exc* in our words where it is one of httpx's, else as it is."""
        if not isinstance(exc, httpx.RequestError | httpx.InvalidURL):
            return exc
        error = UnreachableError(f"nothing answers at {self.url}", is_unsent=isinstance(exc, _UNSENT))
        error.__cause__ = exc if isinstance(exc, httpx.RequestError) else None  # the other repeats the URL
        return error


def heard(response: httpx.Response, body: bytes = b"") -> Answer:
    return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, body)
