"""``countermand audit export``: what a filter finds, as a file that is whole, with a manifest."""

import csv
import gc
import hashlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, Final

import click

from adapters.cli.doing.manifest import Manifest, Written, as_text, manifest_of
from adapters.cli.doing.placing import beside, check_free, move
from adapters.cli.doing.progress import Progress
from adapters.cli.doing.stopped import say_stopped
from adapters.cli.exits import DONE, FAILURE, UNAVAILABLE, Failure
from adapters.cli.printing.stdout import Unwritten, flush, write
from adapters.cli.reaching.client import Lost, Response
from adapters.cli.reaching.server import query_of
from adapters.cli.typed import audit_filter
from adapters.cli.typed import options as o
from adapters.durable_file import synced

FORMS: Final = ("csv", "ndjson")
STDOUT: Final = "-"
FIRST_LINE_BYTES_MAX: Final = 1024 * 1024


@click.command("export")
@audit_filter.filters
@click.option(
    "-o", "--output", "named_form", type=click.Choice(FORMS), help="Else FILE's ending says."
)
@click.option(
    "-f",
    "--file",
    type=click.Path(allow_dash=True),
    required=True,
    metavar="FILE",
    help="Where to; - is stdout.",
)
@click.option(
    "--manifest",
    type=click.Path(),
    metavar="FILE",
    help="Else FILE.manifest.json; of stdout, stderr.",
)
@click.option("--force-overwrite", is_flag=True, help="Replace FILE and its manifest.")
@o.connects
def verb(
    asked: o.Asked,
    file: str,
    named_form: str | None,
    manifest: str | None,
    force_overwrite: bool,
    **filters: Any,
) -> int:
    """Write every row of the audit trail that a filter finds to a file, in the stream's order.

    The filters are those of `countermand audit`. FILE appears only when it is whole and on the
    disk, readable to its owner only; a row is one line. FILE.manifest.json says the filter, who
    exported it from which stream, up to which position it is true, whether the views had stopped
    there, how many rows there are, the first and the last position, and the SHA-256 of FILE. A
    FILE that is there already is kept.

    In CSV what could act on a terminal or compute in a spreadsheet stands as an escape; ndjson
    holds every text exactly.

    \b
      countermand audit export -f trail.csv
      countermand audit export --refused --since 2026-11-01 -f refused.ndjson
      countermand audit export --kind forced_stop -o csv -f - --manifest forced.json | less -S

    Exit status: 0 FILE is whole; 1 it is not, and not there, or it is there and lacks what came
    after the views had stopped; 75 try again.
    """
    chosen = named_form or form_by_ending(file)
    paths = Paths(file, manifest, force_overwrite)
    paths.check()
    query = audit_filter.query_of(asked, **filters)
    gc.enable()
    export = Export(asked, chosen, query)
    if paths.data is None:
        told = export.to_stdout()
    else:
        with beside(paths.data) as (name, out):
            told = export.to_file(paths.data, out)
            paths.place(name)
    paths.finish(told)
    if paths.manifest is not None:
        asked.out.note(f"{told['rows']} rows, {told['bytes']} bytes, SHA-256 {told['sha256']}")
    return end(asked, told)


def end(asked: o.Asked, told: Manifest) -> int:
    """The exit status: a file that lacks what came after the views had stopped is no success."""
    stopped = told["stopped"] or ""
    say_stopped(asked.out, stopped)
    if told["behind"] and not stopped:
        asked.out.note(f"the views did not know the latest {told['behind']} events yet")
    return FAILURE if stopped else DONE


def form_by_ending(file: str) -> str:
    """The form that the name of the file says."""
    for form in FORMS:
        if file.endswith(f".{form}"):
            return form
    raise click.UsageError(
        f"say in which form: -o csv or -o ndjson ({file} does not end in either)"
    )


class Paths:
    """Where the file and its manifest go; ``data`` is None for stdout, ``manifest`` for stderr."""

    def __init__(self, file: str, manifest: str | None, overwrite: bool) -> None:
        self.data = None if file == STDOUT else file
        beside_it = None if self.data is None else f"{file}.manifest.json"
        self.manifest = manifest or beside_it
        self._overwrite = overwrite

    def check(self) -> None:
        """Refuse what cannot be written, before anything is asked for."""
        if self.data is None and sys.stdout is None:
            raise Failure(FAILURE, "standard output is closed; give a FILE")
        if self.data and self.manifest and same(self.data, self.manifest):
            raise click.UsageError("--manifest needs a file of its own")
        for path in filter(None, (self.data, self.manifest)):
            check_free(path, self._overwrite)

    def place(self, name: str) -> None:
        """Move the whole file into its place; an old manifest is gone before it would be wrong."""
        assert self.data is not None
        if self._overwrite and self.manifest and os.path.lexists(self.manifest):
            os.unlink(self.manifest)
        move(name, self.data, self._overwrite)

    def finish(self, told: Manifest) -> None:
        """Write the manifest."""
        text = as_text(told)
        if self.manifest is None:
            write(sys.stderr, text, end="")
            return
        with beside(self.manifest) as (name, out):
            out.write(text.encode())
            synced(out)
            move(name, self.manifest, self._overwrite)


def same(one: str, other: str) -> bool:
    """Whether two paths are the same file, or would be."""
    return os.path.realpath(one) == os.path.realpath(other)


class Export:
    """One export in one form."""

    def __init__(self, asked: o.Asked, form: str, query: list[tuple[str, str]]) -> None:
        self._asked = asked
        self._form = form
        self._query = query

    def to_file(self, path: str, out: BinaryIO) -> Manifest:
        """Write everything, sync it, and tell what it is."""
        return self._run(os.path.basename(path), out.write, lambda: synced(out))

    def to_stdout(self) -> Manifest:
        """The same to stdout."""

        out = sys.stdout.buffer

        def put(piece: bytes) -> None:
            try:
                out.write(piece)
            except OSError as e:
                raise Unwritten(e) from e

        flush()
        return self._run(STDOUT, put, flush)

    def _run(self, name: str, put: Callable[[bytes], object], end: Callable[[], None]) -> Manifest:
        who = self._asked.server.whoami()
        asked_for = [*self._query, ("format", self._form)]
        with self._asked.server.export(asked_for) as answer:
            written = self._copy(answer, put)
            end()
        query_text = query_of(self._query).removeprefix("?")
        return manifest_of(name, self._form, self._query, query_text, who, answer.headers, written)

    def _copy(self, answer: Response, put: Callable[[bytes], object]) -> Written:
        """Hand on what comes. ``Failure`` when it is not everything that was promised."""
        promised, copied = count_of(answer), Copied(self._form)
        with Progress(self._asked, "exporting", promised) as progress:
            try:
                for piece in answer.pieces():
                    put(piece)
                    copied.add(piece)
                    progress.reached(min(copied.rows, promised))
            except Lost as e:
                raise cut_short(copied.rows, promised, str(e)) from e
        if copied.rows != promised:
            raise cut_short(copied.rows, promised, "the server ended it")
        return copied.written()


def count_of(answer: Response) -> int:
    """How many rows there will be."""
    said = answer.headers.get("countermand-count", "")
    if not said.isdecimal():
        raise Failure(FAILURE, "the server did not say how many rows there are; is it Countermand?")
    return int(said)


def cut_short(rows: int, promised: int, why: str) -> Failure:
    """Half an export is none."""
    words = f"the export is not whole, it was cut short after {rows} of {promised} rows: {why}"
    return Failure(UNAVAILABLE, words, "export again", "cut_short")


class Copied:
    """What has gone through: its rows, its bytes, its digest, its first line."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._digest = hashlib.sha256()
        self._first_line = b""
        self._lines = 0
        self._bytes = 0

    @property
    def rows(self) -> int:
        """Rows so far: in both forms a row is a line."""
        return max(0, self._lines - (1 if self._form == "csv" else 0))

    def add(self, piece: bytes) -> None:
        """One more piece."""
        if not self._lines and len(self._first_line) < FIRST_LINE_BYTES_MAX:
            self._first_line += piece.partition(b"\n")[0]
        self._digest.update(piece)
        self._lines += piece.count(b"\n")
        self._bytes += len(piece)

    def written(self) -> Written:
        """What it was, in the end."""
        return {
            "rows": self.rows,
            "columns": self._columns(),
            "bytes": self._bytes,
            "sha256": self._digest.hexdigest(),
        }

    def _columns(self) -> list[str]:
        if not self._first_line:
            return []
        text = self._first_line.decode("utf-8", "replace")
        return next(csv.reader([text])) if self._form == "csv" else list(json.loads(text))
