"""What `make` does to the environment it keeps."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

MAKE = shutil.which("make")


@pytest.mark.processes
def test_an_environment_that_is_only_linked_to_is_not_emptied(tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir()
    ours.mkdir()
    (theirs / "kept").touch()
    (ours / ".venv").symlink_to(theirs)
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(Path(settings.BASE_DIR) / name, ours)

    done = subprocess.run([str(MAKE), ".venv/.installed"], cwd=ours, capture_output=True, text=True, check=False)

    assert (theirs / "kept").exists()
    assert done.returncode != 0
    assert ".venv is a link to" in done.stderr
