"""An event loop whose time passes only when everybody sleeps, so that tests of timing take none and are exact."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

INSTRUCTION_S = 1e-9  # what the machine needs for anything, or a loop of waits too short to count would never end


class _Selector(selectors.DefaultSelector):
    now_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "everybody waits for ever"
        self.now_s += max(timeout, INSTRUCTION_S)
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now_s


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(coroutine)
