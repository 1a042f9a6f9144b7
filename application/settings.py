"""Settings: one frozen Struct; names carry units. Cluster parameters are events, not settings."""

import re
from typing import Final

from msgspec import Struct

from application.nodes import NAME, NAME_WORDS, SLOTS_MAX, wrong_nodes
from domain.commands import APPROVAL_SECONDS, REVIEW_SECONDS
from domain.errors import Misconfigured
from domain.freezing import FreezeWindow, wrong_windows
from domain.message import MESSAGE_UNITS_MAX

MIB: Final = 1024 * 1024
ACCEPT_LOSS: Final = "I accept that acknowledged events may be lost"
ALLOW_ROOT_TASKS: Final = "I want tasks to run as root"
REBUILD_JOURNAL: Final = "I want the journal to be written anew from the stream"
STOP_SIGNALS: Final = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")

VIEW_ADDRESSES: Final = ("postgresql://", "postgres://")
PASSWORD: Final = re.compile(r"://.*:.*@|password=")

TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """What the person who runs the service chooses.

    * ``data_directory``: store, journal, notes of runs, principals; one service a directory.
    * ``cluster``, ``stream``: names, ``[A-Za-z0-9_-]{1,64}``, fixed once there is history.
    * ``stream_bytes_max``: capacity of the stream; commands are refused at 95 % of it.
    * ``nats_urls``: outside servers, instead of the embedded one; then the three credentials files
      (JSON with user and password, or .creds) and ``nats_monitor_urls``, one a replica.
      ``nats_operator_credentials_file``: a fourth, for ``countermand backup`` alone.
    * ``accept_loss``: the words that let the service run without proof of durability.
    * ``http_host``, ``http_port``: where TCP listens; port 0 means any free one.
    * ``https_certificate``, ``https_key``: PEM files; with both, HTTPS is served on ``https_host``
      and ``https_port`` (0 means any free one), and HPC Pack's clients find it there.
      ``https_self_signed``: without them, with a certificate that the service makes itself.
    * ``socket``, ``journal``: paths; "" for the default in the data directory.
    * ``mark_file``: the path of the mark; "" for beside the journal. It belongs on another disk.
    * ``views``: "" for SQLite in the data directory, or the address of a database of PostgreSQL,
      ``postgresql://ACCOUNT@HOST:PORT/DATABASE``, which services of one stream may share; a
      password stands in a file of its own (``?passfile=/etc/countermand/pgpass``).
    * ``quick_start``: go on from what was known of all jobs at the last end, and read only the
      events after it. Else every start reads the whole stream, so that damage in the middle of it
      is found before anything new is taken.
    * ``rebuild_journal``: the words that let a missing journal be written anew from the stream.
    * ``nodes``: names with slots, all on this machine; how many runs may be on each at once, at
      most SLOTS_MAX together. Without it there is one: ``node``, "" for the host's name, with
      ``slots``, 0 for the number of cores.
    * ``task_account``: whom tasks run as when the service is root; ``run_as_accounts``: accounts
      that a job may name besides. ``allow_root_tasks``: the words that let tasks run as root.
    * ``stop_signal``: what a normal cancel sends first. ``kill_deadline_seconds``: how long to look
      for survivors after SIGKILL.
    * ``message_units_max``: 128 for sites that must match the HPC Pack client.
    * ``refusals_per_minute``: refused requests of one principal that are stored.
    * ``freeze_windows``: times that rules of the policy may ask about by their names.
    * ``approval_seconds``: how long the approvals that a rule demands of a cancel may take.
    * ``review_seconds``: how long another person has to review a cancel that overrode the rules.
    * ``disk_reserve_bytes``: kept free on the data directory's disk for cancels under way.
    """

    data_directory: str
    cluster: str = "local"
    stream: str = "COUNTERMAND"
    stream_bytes_max: int = 8 * 1024 * MIB
    stream_replicas: int = 1
    nats_urls: tuple[str, ...] = ()
    nats_service_credentials_file: str = ""
    nats_provisioner_credentials_file: str = ""
    nats_reader_credentials_file: str = ""
    nats_operator_credentials_file: str = ""
    nats_monitor_urls: tuple[str, ...] = ()
    accept_loss: str = ""
    http_host: str = "127.0.0.1"
    http_port: int = 7320
    http_port_fixed: bool = False
    https_host: str = "127.0.0.1"
    https_port: int = 7343
    https_certificate: str = ""
    https_key: str = ""
    https_self_signed: bool = False
    socket: str = ""
    journal: str = ""
    mark_file: str = ""
    views: str = ""
    quick_start: bool = False
    rebuild_journal: str = ""
    slots: int = 0
    node: str = ""
    nodes: dict[str, int] = {}
    task_account: str = "nobody"
    run_as_accounts: tuple[str, ...] = ()
    allow_root_tasks: str = ""
    use_cgroups: bool = True
    stop_signal: str = "SIGTERM"
    kill_deadline_seconds: float = 5.0
    stop_tasks: bool = False
    message_units_max: int = MESSAGE_UNITS_MAX
    refusals_per_minute: int = 300
    freeze_windows: tuple[FreezeWindow, ...] = ()
    approval_seconds: int = APPROVAL_SECONDS
    review_seconds: int = REVIEW_SECONDS
    disk_reserve_bytes: int = 8 * MIB
    log_level: str = "info"


class Range(Struct, frozen=True):
    """Whole or real numbers from ``minimum`` to ``maximum``, both included."""

    minimum: float
    maximum: float


RANGES: Final = {
    "stream_bytes_max": Range(MIB, 2**50),
    "stream_replicas": Range(1, 5),
    "http_port": Range(0, 65535),
    "https_port": Range(0, 65535),
    "slots": Range(0, SLOTS_MAX),
    "kill_deadline_seconds": Range(0.1, 300),
    "message_units_max": Range(1, MESSAGE_UNITS_MAX),
    "refusals_per_minute": Range(1, 100_000),
    "review_seconds": Range(1, 365 * 24 * 3600),
    "approval_seconds": Range(1, 30 * 24 * 3600),
    "disk_reserve_bytes": Range(0, 2**40),
}
WORDS: Final = {
    "accept_loss": ACCEPT_LOSS,
    "allow_root_tasks": ALLOW_ROOT_TASKS,
    "rebuild_journal": REBUILD_JOURNAL,
}
NAMES: Final = ("cluster", "stream")
CHOICES: Final = {
    "stop_signal": STOP_SIGNALS,
    "log_level": ("debug", "info", "warning", "error"),
}


def check(settings: Settings) -> Settings:
    """``settings``, or ``Misconfigured`` with every value that is not allowed and what is."""
    wrong = [
        *(ranged(settings, name, limits) for name, limits in RANGES.items()),
        *(worded(settings, name, words) for name, words in WORDS.items()),
        *(named(settings, name) for name in NAMES),
        *(chosen(settings, name, choices) for name, choices in CHOICES.items()),
        outside(settings),
        secured(settings),
        one_node(settings),
        view_address(settings),
        *wrong_nodes(settings.nodes, Settings.__struct_fields__),
        *wrong_windows(settings.freeze_windows),
    ]
    found = [x for x in wrong if x]
    if found:
        raise Misconfigured(
            "these settings are not allowed:\n" + "\n".join(f"  - {x}" for x in found)
        )
    return settings


def ranged(settings: Settings, name: str, limits: Range) -> str:
    """A number outside its limits."""
    value = getattr(settings, name)
    if limits.minimum <= value <= limits.maximum:
        return ""
    return f"{name} is {value}; allowed is {limits.minimum:g} to {limits.maximum:g}"


def worded(settings: Settings, name: str, words: str) -> str:
    """A permission that must be given in words."""
    value = getattr(settings, name)
    return "" if value in ("", words) else f"{name} is {value!r}; allowed is nothing or {words!r}"


def named(settings: Settings, name: str) -> str:
    """A name that becomes part of a subject."""
    value = getattr(settings, name)
    if TOKEN.fullmatch(value):
        return ""
    return f"{name} is {value!r}; allowed are 1 to 64 letters, digits, _ and -"


def chosen(settings: Settings, name: str, choices: tuple[str, ...]) -> str:
    """A value from a list."""
    value = getattr(settings, name)
    return "" if value in choices else f"{name} is {value!r}; allowed is {', '.join(choices)}"


def outside(settings: Settings) -> str:
    """An outside server needs its service user."""
    if settings.nats_urls and not settings.nats_service_credentials_file:
        return "nats_urls needs nats_service_credentials_file: a JSON or .creds file"
    return ""


def secured(settings: Settings) -> str:
    """A certificate needs its key, and a key its certificate."""
    if bool(settings.https_certificate) != bool(settings.https_key):
        return "https_certificate and https_key belong together: give both, or neither"
    return ""


def one_node(settings: Settings) -> str:
    """The only node's own settings: a good name, and none beside ``nodes``."""
    if settings.nodes and (settings.node or settings.slots):
        return "nodes names every node with its slots: take node and slots (--slots) away"
    if settings.node and not NAME.fullmatch(settings.node):
        return f"node is {settings.node!r}; allowed are {NAME_WORDS}"
    return ""


def view_address(settings: Settings) -> str:
    """An address that is none of PostgreSQL's, or has a password. It is never repeated."""
    if settings.views and not settings.views.startswith(VIEW_ADDRESSES):
        return "views is no address; allowed is nothing or postgresql://ACCOUNT@HOST:PORT/DATABASE"
    if PASSWORD.search(settings.views):
        return (
            "views holds a password, which this file and its copies would tell: take it away, put "
            "it into a file of passwords (libpq's .pgpass, mode 0600), and add ?passfile=PATH"
        )
    return ""
