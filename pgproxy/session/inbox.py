"""The client's messages that wait: for a decision, or for what stands before them."""

from __future__ import annotations

from collections import deque

from pgproxy.wire.framing import Frame

LIMIT_BYTES = 1 << 20
"""How much of the client's pipeline may wait before its socket is no longer read."""


class Inbox:
    """First come, first served."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._is_paused = False

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._bytes += len(frame.data)

    def take(self) -> Frame:
        frame = self._frames.popleft()
        self._bytes -= len(frame.data)
        return frame

    def put_back(self, frame: Frame) -> None:
        """The message just taken cannot be answered yet: it comes first again."""
        self._frames.appendleft(frame)
        self._bytes += len(frame.data)

    def change_of_reading(self) -> bool | None:
        """True: the client's socket is to be read again; False: no more for now; None: as before."""
        if not self._is_paused and self._bytes > LIMIT_BYTES:
            self._is_paused = True
            return False
        if self._is_paused and self._bytes <= LIMIT_BYTES // 2:
            self._is_paused = False
            return True
        return None
