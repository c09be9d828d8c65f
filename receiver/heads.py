"""The head of a request once it is read: what it must not say, and how it reads without an offer to upgrade. Pure."""

from collections.abc import Iterable, Sequence

from receiver.last_words import malformed
from receiver.problems import ProblemError

Fields = Sequence[tuple[bytes, bytes]]  # names in lower case, as uvicorn hands them on


def check(version: str, fields: Fields) -> None:
    """
    Refuse what llhttp lets pass and two readers could read differently (RFC 9112, 2.3, 3.2, 6.1).

    Raises:
        ProblemError
    """
    if version not in {"1.0", "1.1"}:
        raise malformed("This is not an HTTP/1.1 request.")
    hosts = sum(name == b"host" for name, _ in fields)
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        raise malformed("A request names one host.")
    coded = [value.lower() for name, value in fields if name == b"transfer-encoding"]
    if coded and (version == "1.0" or coded != [b"chunked"]):
        raise malformed("A body comes with its length or in chunks.")
    if version == "1.1" and any(name == b"expect" and value.lower() != b"100-continue" for name, value in fields):
        raise ProblemError(417, "expectation_failed", "Only 100-continue can be expected.")


def without_upgrade(method: bytes, url: bytes, version: str, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The head as it would have come without its offer to upgrade."""
    kept = [name + b": " + value for name, value in fields if name != b"upgrade"]
    return b"\r\n".join((b" ".join((method, url, b"HTTP/" + version.encode())), *kept, b"", b""))
