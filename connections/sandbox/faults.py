"""Misbehaviour on demand: what goes wrong on which call, and how often."""

from __future__ import annotations

import random
from dataclasses import dataclass
from fnmatch import fnmatchcase
from threading import Lock

ACTIONS = frozenset(
    (
        "drop_before",  # cut, nothing done
        "drop_after",  # done, then cut
        "late_commit",  # cut now, done `seconds` later on the sandbox clock
        "429",
        "500_page",  # an HTML page, nothing done
        "500_after",  # done, then an HTML page
        "503",
        "delay",  # done, answered `seconds` of real time later
        "truncate",  # done, the body cut in half
        "expire_token",
        "revoke_token",
    )
)


@dataclass(frozen=True)
class Fault:
    """`path` is a glob on the path behind the system's prefix; `skip` matching calls pass first, then `times` calls
    are hit (0: all that follow), each with `probability`."""

    action: str
    system: str = "*"
    method: str = "*"
    path: str = "*"
    times: int = 1
    skip: int = 0
    seconds: float = 0
    probability: float = 1.0

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"Unknown fault action {self.action!r}; known are {', '.join(sorted(ACTIONS))}.")

    def covers(self, system: str, method: str, path: str) -> bool:
        return self.system in ("*", system) and self.method.upper() in ("*", method) and fnmatchcase(path, self.path)


@dataclass
class _Armed:
    fault: Fault
    seen: int = 0
    struck: int = 0

    def strikes(self, chance: random.Random) -> bool:
        self.seen += 1
        if self.seen <= self.fault.skip or (self.fault.times and self.struck >= self.fault.times):
            return False
        if self.fault.probability < 1.0 and chance.random() >= self.fault.probability:
            return False
        self.struck += 1
        return True


class Faults:
    """The faults armed now. The first that strikes a call is the one that happens."""

    def __init__(self, seed: int = 1) -> None:
        self._chance = random.Random(seed)
        self._armed: list[_Armed] = []
        self._lock = Lock()

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._armed.append(_Armed(fault))
        return fault

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    def strike(self, system: str, method: str, path: str) -> Fault | None:
        """The fault that hits this call, counted."""
        with self._lock:
            for armed in self._armed:
                if armed.fault.covers(system, method, path) and armed.strikes(self._chance):
                    return armed.fault
        return None

    def struck(self) -> list[tuple[Fault, int]]:
        """Each armed fault and how often it happened."""
        with self._lock:
            return [(armed.fault, armed.struck) for armed in self._armed]
