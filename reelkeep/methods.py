"""Operations as methods, for threads and for an event loop: the arguments of one, carried out by its owner."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

from reelkeep.operations.asking import Pages
from reelkeep.reading import Row
from reelkeep.steps import Steps

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound=Row)


class Runs:
    """Whatever can carry steps out."""

    def _run(self, steps: Steps[T]) -> T:
        raise NotImplementedError


class RunsAsync:
    """The same with an event loop."""

    async def _run(self, steps: Steps[T]) -> T:
        raise NotImplementedError


class Does(Generic[P, T]):
    """An operation."""

    def __init__(self, operation: Callable[P, Steps[T]]) -> None:
        self._operation = operation
        self.__doc__ = operation.__doc__

    @overload
    def __get__(self, owner: None, kind: type) -> Self: ...
    @overload
    def __get__(self, owner: Runs, kind: type) -> Callable[P, T]: ...
    def __get__(self, owner: Runs | None, kind: type) -> Self | Callable[P, T]:
        if owner is None:
            return self

        @wraps(self._operation)
        def method(*args: P.args, **kwargs: P.kwargs) -> T:
            return owner._run(self._operation(*args, **kwargs))

        return method


class DoesAsync(Generic[P, T]):
    """An operation that is awaited."""

    def __init__(self, operation: Callable[P, Steps[T]]) -> None:
        self._operation = operation
        self.__doc__ = operation.__doc__

    @overload
    def __get__(self, owner: None, kind: type) -> Self: ...
    @overload
    def __get__(self, owner: RunsAsync, kind: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, owner: RunsAsync | None, kind: type) -> Self | Callable[P, Coroutine[Any, Any, T]]:
        if owner is None:
            return self

        @wraps(self._operation)
        async def method(*args: P.args, **kwargs: P.kwargs) -> T:
            return await owner._run(self._operation(*args, **kwargs))

        return method


class Walks(Generic[P, R]):
    """A list, gone through to its end."""

    def __init__(self, operation: Callable[P, Pages[R]]) -> None:
        self._operation = operation
        self.__doc__ = operation.__doc__

    @overload
    def __get__(self, owner: None, kind: type) -> Self: ...
    @overload
    def __get__(self, owner: Runs, kind: type) -> Callable[P, Iterator[R]]: ...
    def __get__(self, owner: Runs | None, kind: type) -> Self | Callable[P, Iterator[R]]:
        if owner is None:
            return self

        @wraps(self._operation)
        def method(*args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
            pages, cursor = self._operation(*args, **kwargs), None
            while True:
                page = owner._run(pages.at(cursor))
                yield from page
                cursor = page.next_cursor
                if cursor is None:
                    return

        return method


class WalksAsync(Generic[P, R]):
    """A list, gone through with `async for`."""

    def __init__(self, operation: Callable[P, Pages[R]]) -> None:
        self._operation = operation
        self.__doc__ = operation.__doc__

    @overload
    def __get__(self, owner: None, kind: type) -> Self: ...
    @overload
    def __get__(self, owner: RunsAsync, kind: type) -> Callable[P, AsyncIterator[R]]: ...
    def __get__(self, owner: RunsAsync | None, kind: type) -> Self | Callable[P, AsyncIterator[R]]:
        if owner is None:
            return self

        @wraps(self._operation)
        async def method(*args: P.args, **kwargs: P.kwargs) -> AsyncIterator[R]:
            pages, cursor = self._operation(*args, **kwargs), None
            while True:
                page = await owner._run(pages.at(cursor))
                for item in page:
                    yield item
                cursor = page.next_cursor
                if cursor is None:
                    return

        return method
