"""How a broken promise is told."""


class BrokenPromiseError(BaseException):
    """An invariant does not hold. No `except Exception` of the code under test sees it."""


def must(holds: object, promise: str, *facts: object) -> None:
    if not holds:
        raise BrokenPromiseError(f"{promise}: {facts}")
