"""What is put into the queue: primary keys, days, and who asked; never a payload, a body or a secret."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

APPS = ("audit", "connections", "mappings", "sync", "config")
# Primary keys by what they are called; days as ISO dates; the names of those who asked, which the trail keeps; kinds
# of problems. Whoever adds another must say here what it is.
KEYS = {
    "sheet_id", "lane", "lane.pk", "division.pk", "division", "lane.division_id", "division_id", "replay_id",
    "verification_id", "run.pk", "run_id",
}  # fmt: skip
DAYS = {"begin_text", "end_text", "begin.isoformat()", "end.isoformat()", "month", "month.isoformat()", "day"}
NAMES = {"by(request)", "name", "NIGHTLY"}
KINDS = {"kinds"}
ALLOWED = KEYS | DAYS | NAMES | KINDS


def calls() -> Iterator[tuple[str, ast.Call]]:
    for app in APPS:
        for path in sorted((Path(settings.BASE_DIR) / app).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {"async_task", "AsyncTask"}:
                    yield path.name, node


def test_a_task_carries_keys_days_and_names_alone() -> None:
    found = list(calls())
    assert len(found) > 15
    for where, call in found:
        task, *arguments = call.args
        assert isinstance(task, ast.Constant), where
        assert isinstance(task.value, str), where
        assert {ast.unparse(one) for one in arguments} <= ALLOWED, (where, call.lineno)
        assert {one.arg for one in call.keywords} <= {"q_options"}, (where, call.lineno)


def test_nobody_hands_over_work_to_the_queue_in_another_way() -> None:
    for app in APPS:
        for path in sorted((Path(settings.BASE_DIR) / app).rglob("*.py")):
            text = path.read_text()
            assert not {"async_iter", "async_chain", "Chain", "Iter"} & set(_imported(text, "django_q.tasks")), path


def _imported(text: str, module: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == module:
            yield from (alias.name for alias in node.names)
