"""Build the wheel, install it into an empty environment, and run it there from another directory.

What users install is the wheel, not this tree: a module that was left out, a dependency that is
only in the developers' environment or a console script that does not start is found here.
"""

import os
import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = frozenset({"domain", "application", "projections", "adapters"})
DATA: Final = ("*.cedar", "*.cedarschema")
"""What is read beside modules: the rules that are shipped, and their schema."""

RECORDER_SETTINGS: Final = {
    "PERSISTENCE_MODULE": "adapters.jetstream.recorder",
    "NATS_URL": "nats://127.0.0.1:4222",
    "NATS_STREAM": "ACCOUNTS",
}
STEP_SECONDS_MAX: Final = 600


def main() -> None:
    """Exit with status 0 when the built wheel runs by itself; otherwise say what does not."""
    with tempfile.TemporaryDirectory(prefix="countermand-wheel-") as scratch:
        wheel = build_wheel(Path(scratch) / "dist")
        check_contents(wheel)
        environment = install(wheel, Path(scratch) / "environment")
        check_version(environment, elsewhere=Path(scratch))
        check_policy(environment, elsewhere=Path(scratch))
        check_recorder(environment, elsewhere=Path(scratch))
        check_without_extra(environment, elsewhere=Path(scratch))
    print(f"{wheel.name} installs into an empty environment and runs there")


def build_wheel(folder: Path) -> Path:
    """Return the only wheel built from this tree with the pinned build backend."""
    command = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    run(sys.executable, *command, cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def check_contents(wheel: Path) -> None:
    """Refuse a wheel that lacks a module or data of the four packages, or carries anything else."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for pattern in ("*.py", *DATA)
        for path in (ROOT / package).rglob(pattern)
    }
    foreign = sorted(name for name in names if name.split("/")[0] not in PACKAGES)
    missing = sorted(modules - names)
    if foreign or missing:
        sys.exit(f"{wheel.name}: does not belong there: {foreign}; missing: {missing}")


def install(wheel: Path, environment: Path) -> Path:
    """Return the environment, filled with the pinned requirements, the wheel and nothing else."""
    venv.create(environment, with_pip=False)
    python = str(environment / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    install = [*pip, "install", "--quiet", "--no-compile"]
    pinned = ["--require-hashes", "--requirement", str(ROOT / "requirements.txt")]
    run(*install, *pinned, cwd=environment)
    run(*install, "--no-deps", str(wheel), cwd=environment)
    run(*pip, "check", cwd=environment)
    return environment


def check_version(environment: Path, elsewhere: Path) -> None:
    """Refuse a console script that does not print the version of pyproject.toml."""
    expected = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    printed = run(str(environment / "bin" / "countermand"), "version", cwd=elsewhere)
    if expected not in printed:
        sys.exit(f"`countermand version` printed {printed!r}, without {expected}")


def check_policy(environment: Path, elsewhere: Path) -> None:
    """Refuse a wheel that does not have the rules of this tree, or no engine for them."""
    printed = run(
        str(environment / "bin" / "countermand"), "policy", "show", "--shipped", cwd=elsewhere
    )
    if (ROOT / "adapters/policy/default.cedar").read_text() not in printed:
        sys.exit(f"`countermand policy show --shipped` printed other rules: {printed!r}")


def check_recorder(environment: Path, elsewhere: Path) -> None:
    """Refuse a wheel whose persistence module the eventsourcing library does not find."""
    program = (
        "from eventsourcing.persistence import InfrastructureFactory as F\n"
        f"print(type(F.construct({RECORDER_SETTINGS!r})).__name__)"
    )
    printed = run(str(environment / "bin" / "python"), "-c", program, cwd=elsewhere)
    if printed.strip() != "JetStreamFactory":
        sys.exit(f"the library found {printed!r} as its persistence module")


def check_without_extra(environment: Path, elsewhere: Path) -> None:
    """Refuse a wheel that does not say what to install, where views are to be in PostgreSQL."""
    program = (
        "from adapters.bootstrap.view_place import reached\n"
        "from domain.errors import Misconfigured\n"
        "try:\n    reached('postgresql://views@localhost/views')\n"
        "except Misconfigured as error:\n    print(error.message)"
    )
    printed = run(str(environment / "bin" / "python"), "-c", program, cwd=elsewhere)
    if "countermand[postgres]" not in printed:
        sys.exit(f"without the extra postgres it said {printed!r}")


def run(*command: str, cwd: Path) -> str:
    """Return what the command printed; end with its output and status when it fails."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        command,
        cwd=cwd,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=STEP_SECONDS_MAX,
        check=False,
    )
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{result.stdout}\nended with status {result.returncode}")
    return result.stdout


if __name__ == "__main__":
    main()
