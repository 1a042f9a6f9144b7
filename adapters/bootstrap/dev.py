"""``countermand dev``: everything on loopback, a word on where things are, and a first try."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from adapters.bootstrap.running import Endpoint

TRY_SECONDS: Final = 60.0
TRY: Final = (
    ("a job that would run for ten minutes", ["submit", "--name", "sleeper", "--", "sleep", "600"]),
    ("stopped, with a reason", ["cancel", "1", "-m", "just trying it out", "--wait=30s"]),
    ("and what was recorded", ["show", "1", "--events"]),
)


def temporary_directory() -> Path:
    """A data directory that goes when the service ends."""
    return Path(tempfile.mkdtemp(prefix="countermand-dev-")) / "data"


def remove(directory: Path) -> None:
    """The temporary directory and all in it."""
    shutil.rmtree(directory.parent, ignore_errors=True)


def where(endpoint: Endpoint, data: str) -> str:
    """Where everything is, and what to try."""
    file = f"{data}/run/endpoint.json"
    return "\n".join(
        (
            "Countermand is up.",
            f"  web        {endpoint.http}",
            f"  https      {endpoint.https}",
            f"  trust      {endpoint.https_certificate}",
            f"  socket     {endpoint.socket}",
            f"  token      {endpoint.token_file}",
            f"  stream     {endpoint.stream} on {endpoint.nats_url}",
            f"  data       {data}",
            "",
            "In another terminal:",
            f"  export COUNTERMAND_ENDPOINT={file}",
            "  countermand submit --name first -- sleep 600",
            "  countermand cancel JOB -m 'because I can'     (JOB: the number it printed)",
            "  countermand watch",
            "",
            "Ctrl-C ends it, and every task with it.",
        )
    )


def demonstrate(data: str) -> None:
    """A first job and a first cancel, through the command line itself; a failure is only told."""
    program = str(Path(sys.executable).with_name("countermand"))
    environment = {**os.environ, "COUNTERMAND_ENDPOINT": f"{data}/run/endpoint.json"}
    for words, arguments in TRY:
        print(f"\n# {words}\n$ countermand {shlex.join(arguments)}", flush=True)
        try:
            subprocess.run([program, *arguments], env=environment, check=False, timeout=TRY_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"this took longer than {TRY_SECONDS:.0f} s; the demonstration ends here")
            return
