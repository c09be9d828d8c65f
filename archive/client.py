"""The command line's way to the API."""

from typing import Any

import httpx

_PATIENCE = 30.0  # seconds
_OF_EVERY_PROBLEM = frozenset({"type", "title", "status", "detail", "reason"})


class RefusedError(Exception):
    """The service answered with a problem; the message is its detail, its reason and what else it holds."""


class UnreachableError(Exception):
    """Nothing answers there."""


class Client:
    """Talks to one service with one token."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, params: dict[str, Any] | None = None) -> Any:
        return self._ask("GET", path, params=params)

    def post(
        self,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        headers: dict[str, str] | None = None,
        patience: float = _PATIENCE,
    ) -> Any:
        """*patience* is how many seconds the answer may take."""
        return self._ask("POST", path, patience, json=body, headers=headers)

    def _ask(self, method: str, path: str, patience: float = _PATIENCE, **content: Any) -> Any:
        try:
            with httpx.Client(base_url=self._url, headers=self._headers, timeout=patience, trust_env=False) as http:
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
            more = "".join(f" {name}={document[name]}" for name in document if name not in _OF_EVERY_PROBLEM)
            raise RefusedError(f"{document.get('detail', response.reason_phrase)} ({document.get('reason', '')}){more}")
        return document
