"""Every line of a token refresh as a place to die: which are passed, and a strike at a chosen one."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from connections import credentials, grants, ledger
from connections.providers.exact import oauth

FILES = {str(Path(str(module.__file__))): Path(str(module.__file__)).name for module in
         (credentials, grants, ledger, oauth)}  # fmt: skip
# A `with` line is passed twice: before its block, and before the block's commit.
MOST_TIMES = 2
# How far a refresh has come, by the function that is entered or left.
BEFORE, CLAIMING, HOLDING, STORING, OVER = range(5)
CLAIM, STORE = (credentials._claim.__code__,), (credentials._stored.__code__, credentials._release.__code__)


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """Right before this line is run for the `time`-th time in a call; line 0: as the function is left."""

    file: str
    function: str
    line: int
    time: int = 1

    def __str__(self) -> str:
        where = f"line {self.line}" if self.line else "its end"
        return f"{self.file} {self.function}, {where}, time {self.time}"


@dataclass
class Lines:
    """Within the block every line of `FILES` is noted, and `strike` called at the one that is asked for."""

    at: Point | None = None
    strike: Callable[[Lines], None] | None = None
    passed: list[Point] = field(default_factory=list)
    phase: int = BEFORE
    _times: Counter[tuple[str, str, int]] = field(default_factory=Counter)

    def __enter__(self) -> Lines:
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ARG002 - the form of a tracer
        if frame.f_code.co_filename not in FILES:
            return None
        self._enter(frame.f_code)
        return self._line

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event in {"line", "return"}:
            self._pass(frame, 0 if event == "return" else frame.f_lineno)
        if event == "return":
            self._leave(frame.f_code, argument)
        return self._line

    def _pass(self, frame: FrameType, line: int) -> None:
        code = frame.f_code
        place = FILES[code.co_filename], code.co_qualname, line
        self._times[place] += 1
        if self._times[place] > MOST_TIMES:
            return
        point = Point(*place, self._times[place])
        self.passed.append(point)
        if point == self.at and self.strike:
            self.strike(self)

    def _enter(self, code: CodeType) -> None:
        if code in CLAIM:
            self.phase = CLAIMING
        elif code in STORE and self.phase == HOLDING:
            self.phase = STORING

    def _leave(self, code: CodeType, returned: Any) -> None:
        if code in CLAIM:
            self.phase = HOLDING if returned else BEFORE
        elif code in STORE and self.phase == STORING:
            self.phase = OVER
