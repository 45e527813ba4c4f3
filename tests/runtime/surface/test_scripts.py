"""Scripts as they are written for Prefect 3, with their import lines changed and nothing else.

``scripts/<name>.py`` is the script, ``scripts/<name>.txt`` what it printed where it was run by Prefect 3.8.
"""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "scripts"
IMPORTS = [
    (r"from prefect\.testing\.utilities import", "from strongroom.testing.utilities import"),
    (r"from prefect\.(blocks\.(core|system|fields)|filesystems) import", "from strongroom import"),
    (r"from prefect_dask import", "from strongroom.task_runners import"),
    (r"from prefect(?=[. ])", "from strongroom"),
    (r"import prefect\b", "import strongroom as prefect"),
]


def changed(script: str) -> str:
    """The script with its import lines changed."""
    for before, after in IMPORTS:
        script = re.sub(rf"^(\s*){before}", rf"\1{after}", script, flags=re.MULTILINE)
    return script


@pytest.mark.parametrize("name", sorted(path.stem for path in SCRIPTS.glob("*.py")))
def test_a_script_prints_what_it_did(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"{name}.py"
    path.write_text(changed((SCRIPTS / path.name).read_text()))
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out == (SCRIPTS / f"{name}.txt").read_text()
