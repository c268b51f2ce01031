"""What runs a command's work, and how seldom it stops for Python's garbage collector."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import TypeVar

Result = TypeVar("Result")


def run(work: Coroutine[object, object, Result]) -> Result:
    """Run on uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def collect_seldom() -> None:
    """Once a proxy is ready: what it has by now stays, so the collector need not look at it again.

    Else a full collection stops every session for some 80 ms; and the youngest objects are looked at for every 700 more
    that there are, several times while one statement is analysed.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
