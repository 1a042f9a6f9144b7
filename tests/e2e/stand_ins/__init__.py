"""Commands that documents show and that not every machine has; where there is one, it is used."""

import os
import shutil
import sys
from pathlib import Path
from typing import Final

PROGRAM: Final = '#!/bin/sh\nexec {python} -m tests.e2e.stand_ins.{name} "$@"\n'


def with_tools(told: dict[str, str], scratch: Path, *names: str) -> dict[str, str]:
    """The environment, in which each of these commands can be run."""
    missing = [name for name in names if shutil.which(name) is None]
    return with_stand_ins(told, scratch, *missing)


def with_stand_ins(told: dict[str, str], scratch: Path, *names: str) -> dict[str, str]:
    """The environment with stand-ins for these commands before all others on the path."""
    directory = scratch / "stand-ins"
    directory.mkdir(exist_ok=True)
    for name in names:
        program = directory / name
        program.write_text(PROGRAM.format(python=sys.executable, name=name))
        program.chmod(0o755)
    return told | {"PATH": f"{directory}{os.pathsep}{told['PATH']}"}
