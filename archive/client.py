"""The command line's way to the API."""

from typing import Any

import httpx


class RefusedError(Exception):
    """The service answered with a problem; the message is its detail and reason."""


class UnreachableError(Exception):
    """Nothing answers there."""


class Client:
    """Talks to one service with one token."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, params: dict[str, Any] | None = None) -> Any:
        return self._ask("GET", path, params=params)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._ask("POST", path, json=body)

    def _ask(self, method: str, path: str, **content: Any) -> Any:
        try:
            with httpx.Client(base_url=self._url, headers=self._headers, timeout=30, trust_env=False) as http:
                response = http.request(method, path, **content)
        except httpx.TransportError as exc:
            raise UnreachableError(f"nothing answers at {self._url} (is `reelkeep up` running?)") from exc
        try:
            document = response.json()
        except ValueError:
            raise UnreachableError(
                f"{self._url} is no Reelkeep: it answers {response.status_code} without JSON"
            ) from None
        if response.is_error:
            raise RefusedError(f"{document.get('detail', response.reason_phrase)} ({document.get('reason', '')})")
        return document
