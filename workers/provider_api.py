"""Ask a provider's API, with the source's key, at its `api_base` and nowhere else."""

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from urllib.parse import urlencode

import httpx

from archive.documents import dump
from archive.errors import LinkRefusedError, ProviderBusyError, ProviderRefusedError, WireError
from archive.model import ApiAnswer, ApiRequest
from archive.sources import Source
from workers.egress import Egress, Policy, origin_of, time_limit
from workers.unpack import PackedBodyError, TooLargeBodyError, collect

MAX_ANSWER = 16 << 20  # bytes; some records repeat the request, which may hold pictures
TOO_LARGE = "answer_too_large"
MAX_TIME = timedelta(seconds=20)  # of one request, so that a look of two ends within its lease


def link_policy(source: Source) -> Policy:
    """What the links of *source* may lead to."""
    return Policy(frozenset(source.allowed_hosts), source.insecure_http)


class ProviderApi:
    """
    Sends requests for sources that have an API key.

    *hear* is told of each, by its source's name, that it was answered (None) or why not.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        egress: Egress,
        hear: Callable[[str, str | None], None] = lambda _name, _trouble: None,
        *,
        max_time: timedelta = MAX_TIME,
    ) -> None:
        self._sources = sources
        self._egress = egress
        self._hear = hear
        self._max_time = max_time

    def ask(self, name: str, request: ApiRequest) -> ApiAnswer:
        """
        Send *request* for the source called *name*.

        Redirects are refused: followed, they would either lose the key or carry it elsewhere.

        Raises:
            ProviderBusyError: `answer_too_large`, `answer_malformed`, and what kept an answer from us (`WireError`).
            ProviderRefusedError: `http_3xx`, `no_api_key`.
        """
        source = self._sources[name]
        if source.api_key is None:
            raise ProviderRefusedError("no_api_key")
        url, content = source.base + request.path, b""
        headers = {
            "Authorization": f"Bearer {source.api_key.get_secret_value()}",
            "Accept-Encoding": "identity",
            "User-Agent": "reelkeep",
        }
        if request.params:
            url += f"?{urlencode(request.params)}"
        if request.json is not None:
            content = dump(request.json).encode()
            headers["Content-Type"] = "application/json"
        deadline = time.monotonic() + self._max_time.total_seconds()
        try:
            with (
                time_limit(lambda: deadline - time.monotonic()),
                self._egress.stream(
                    request.method, url, self._policy(source), headers=headers, body=content
                ) as response,
            ):
                body = _body(response)
        except ProviderBusyError:  # an answer, if none that we read
            self._hear(name, None)
            raise
        except LinkRefusedError as exc:  # the name of `api_base` leads to a private address just now
            self._hear(name, exc.reason)
            raise ProviderBusyError(exc.reason) from exc
        except WireError as exc:
            self._hear(name, exc.reason)
            raise ProviderBusyError(exc.reason) from exc
        self._hear(name, f"http_{response.status_code}" if response.status_code >= 500 else None)
        if 300 <= response.status_code < 400:
            raise ProviderRefusedError(f"http_{response.status_code}")
        return ApiAnswer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, body)

    @staticmethod
    def _policy(source: Source) -> Policy:
        return Policy(frozenset({origin_of(source.base)}), source.insecure_http)


def _body(response: httpx.Response) -> bytes:
    """What was answered, unpacked. Of a refusal that does not unpack the status says enough."""
    try:
        return collect(response.iter_raw(), response.headers.get("content-encoding", ""), MAX_ANSWER)
    except TooLargeBodyError:
        raise ProviderBusyError(TOO_LARGE) from None
    except PackedBodyError:
        if response.status_code < 300:
            raise ProviderBusyError("answer_malformed") from None
        return b""
