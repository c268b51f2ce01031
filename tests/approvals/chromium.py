"""A headless Chromium, driven by the DevTools protocol: no package but aiohttp is needed for it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE_SECONDS = 30.0


@dataclass(slots=True)
class Tab:
    """One page. It runs no scripts of its own, as in a browser that has them switched off."""

    socket: aiohttp.ClientWebSocketResponse
    complaints: list[str] = field(default_factory=list)
    """What the browser said of pages: blocked styles, failed loads."""
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def call(self, method: str, **parameters: object) -> Any:
        number = next(self._numbers)
        await self.socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self._next()
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    async def open(self, url: str) -> None:
        await self.call("Page.navigate", url=url)
        await self.loaded()

    async def loaded(self) -> None:
        while (await self._next()).get("method") != "Page.loadEventFired":
            pass

    async def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def press(self, key: str, code: int, text: str = "") -> None:
        for kind in ("keyDown", "keyUp"):
            given = {"text": text} if text and kind == "keyDown" else {}
            await self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **given)

    async def type(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def tab_to(self, what: str) -> None:
        """Go on with the Tab key until the focus is on what this selects."""
        for _ in range(40):
            await self.press("Tab", 9)
            if await self.ask(f"document.activeElement.matches({json.dumps(what)})"):
                return
        raise AssertionError(f"no Tab leads to {what}")

    async def enter(self) -> None:
        """Press Enter on what has the focus, and wait for the page that comes."""
        await self.press("Enter", 13, "\r")
        await self.loaded()

    async def names(self) -> set[tuple[str, str]]:
        """Role and name of everything that a screen reader meets."""
        tree = await self.call("Accessibility.getFullAXTree")
        nodes = [node for node in tree["nodes"] if not node.get("ignored")]
        return {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes}

    async def look(self, width: int, height: int, scheme: str) -> None:
        """Size in CSS pixels; scheme: light or dark."""
        is_phone = width < 600
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_phone
        )
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def screenshot(self) -> bytes:
        """PNG."""
        answer = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(answer["data"])

    async def _next(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            message: dict[str, Any] = await self.socket.receive_json()
        if message.get("method") == "Log.entryAdded":
            entry = message["params"]["entry"]
            if entry["level"] in ("error", "warning") and "401 (Unauthorized)" not in entry["text"]:
                self.complaints.append(entry["text"])
        return message


@asynccontextmanager
async def tab(folder: Path) -> AsyncIterator[Tab]:
    """A page of a browser of its own, that keeps its things in the folder."""
    assert PROGRAM is not None
    arguments = ["--headless=new", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", "--hide-scrollbars"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *arguments,
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
        "about:blank",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            address = ""
            while "DevTools listening on " not in address:
                address = (await process.stderr.readline()).decode()
        host = address.partition("ws://")[2].partition("/")[0]
        drain = asyncio.create_task(process.stderr.read())
        async with aiohttp.ClientSession() as session:
            async with session.put(f"http://{host}/json/new") as answer:
                page = await answer.json()
            async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                found = Tab(socket)
                for domain in ("Page", "Runtime", "Log", "Accessibility"):
                    await found.call(f"{domain}.enable")
                await found.call("Emulation.setScriptExecutionDisabled", value=True)
                yield found
        process.terminate()
        await drain
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
