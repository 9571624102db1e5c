"""Alpha of one picture after another, with reading, copying and computing at the same time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, wait
from typing import Any

from dim_trt.engine import Engine
from dim_trt.errors import InvalidInput


def stream(
    engine: Engine, frames: Iterable[tuple[Any, Any]], lookahead: int | None = None
) -> Iterator[tuple[Any, Any]]:
    """Yields (img, alpha) for every (img, trimap) of `frames`, in their order.

    While the caller works on one frame, the next are pulled and run, at most `lookahead` of them, so that memory is
    bounded however long `frames` is; each must have arrays of its own. None is twice the engine's `max_concurrent`.
    An error of `frames`, or of a frame, is raised in its place, after the results of all frames before it. The
    iterator may be closed at any time: it pulls no more, and waits for what runs.

    Raises:
        InvalidInput: an argument is of the wrong kind; from the iterator also what `Engine.run` raises.
    """
    if not isinstance(engine, Engine):
        raise InvalidInput(f"engine: expected an Engine, got {type(engine).__name__}")
    if not isinstance(frames, Iterable):
        raise InvalidInput(f"frames: expected pairs (img, trimap), got {type(frames).__name__}")
    if lookahead is not None and (isinstance(lookahead, bool) or not isinstance(lookahead, int) or lookahead < 1):
        raise InvalidInput(f"lookahead: expected a whole number of frames from 1, or None, got {lookahead!r}")
    return _results(engine, frames, lookahead or 2 * engine.max_concurrent)


def _results(engine: Engine, frames: Iterable[tuple[Any, Any]], lookahead: int) -> Iterator[tuple[Any, Any]]:
    pending: deque[tuple[Any, Future[Any]]] = deque()
    try:
        for submitted in _submitted(engine, frames):
            pending.append(submitted)
            if len(pending) > lookahead or (len(pending) > 1 and pending[0][1].done()):  # one always runs
                yield _first(pending)
        while pending:
            yield _first(pending)
    finally:
        for _, future in pending:
            future.cancel()
        wait([future for _, future in pending])


def _first(pending: deque[tuple[Any, Future[Any]]]) -> tuple[Any, Any]:
    img, future = pending[0]
    alpha = future.result()
    pending.popleft()  # now: had the wait been interrupted, it would be waited for at the end
    return img, alpha


def _submitted(engine: Engine, frames: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Future[Any]]]:
    """Each frame's image and future; an error is the last, as a future that raises it."""
    img = None
    try:
        for frame in frames:
            img, trimap = _pair(frame)
            yield img, engine.submit(img, trimap)
    except Exception as error:
        failed: Future[Any] = Future()
        failed.set_exception(error)
        yield img, failed


def _pair(frame: Any) -> tuple[Any, Any]:
    if not (isinstance(frame, (tuple, list)) and len(frame) == 2):
        raise InvalidInput(f"frames: expected pairs (img, trimap), got {type(frame).__name__}")
    return frame[0], frame[1]
