"""Standard output, whose failures are told from those of files."""

from __future__ import annotations

from typing import Any


class OutputProblem(Exception):
    """Standard output cannot be written: it is closed, or on a disk that is full."""


class Output:
    """A stream that raises `OutputProblem` where it cannot be written, and `BrokenPipeError` where nobody reads on."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, data: Any) -> Any:
        return self._told(self._stream.write, data)

    def flush(self) -> None:
        self._told(self._stream.flush)

    @property
    def buffer(self) -> Output:
        """The same for bytes."""
        return Output(self._stream.buffer)

    def _told(self, act: Any, *data: Any) -> Any:
        try:
            return act(*data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputProblem((error.strerror or "it is closed").lower()) from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
