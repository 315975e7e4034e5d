"""What else had the machine: seconds that a bench prints mean little without it."""

from __future__ import annotations

from pathlib import Path

STAT = Path("/proc/stat")
STEAL = 7  # Reference: Linux, proc(5), /proc/stat: user nice system idle iowait irq softirq steal
COUNTED = 8  # what follows is in the first two already


def ticks() -> tuple[int, int]:
    """(ticks that the host of a virtual machine gave to others, all ticks) since the machine began; 0 where unknown."""
    if not STAT.exists():
        return 0, 0
    spent = [int(each) for each in STAT.read_text().split("\n", 1)[0].split()[1 : COUNTED + 1]]
    return spent[STEAL], sum(spent)


def stolen_since(before: tuple[int, int]) -> float:
    """Per cent of the machine's time since then that its host took."""
    stolen, spent = (now - then for now, then in zip(ticks(), before, strict=True))
    return round(100 * stolen / spent, 1) if spent else 0.0
