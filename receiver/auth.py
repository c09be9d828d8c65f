"""Bearer tokens for people and their programs: viewers read, operators act. Webhooks have their own proofs."""

from collections.abc import Iterable
from enum import IntEnum

from pydantic import SecretStr
from starlette.requests import Request

from archive.settings import Server
from archive.signature import matches_any
from receiver.problems import ProblemError

OPERATOR = "operator"  # who acts, in the audit log: tokens name no person
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="reelkeep"'}


class Role(IntEnum):
    VIEWER = 1
    OPERATOR = 2


def require(request: Request, server: Server, role: Role) -> Role:
    """
    Return the role of the request's token, which is at least *role*.

    Raises:
        ProblemError: 401 `token_missing` or `token_unknown`, 403 `operator_needed`.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise ProblemError(401, "token_missing", "Send Authorization: Bearer TOKEN.", _CHALLENGE)
    is_operator = matches_any(token, _plain(server.operator_tokens))
    is_viewer = matches_any(token, _plain(server.viewer_tokens))
    if not (is_operator or is_viewer):
        raise ProblemError(401, "token_unknown", "The token is not one of ours.", _CHALLENGE)
    if role is Role.OPERATOR and not is_operator:
        raise ProblemError(403, "operator_needed", "This needs an operator's token.")
    return Role.OPERATOR if is_operator else Role.VIEWER


def _plain(tokens: Iterable[SecretStr]) -> list[str]:
    return [token.get_secret_value() for token in tokens]
