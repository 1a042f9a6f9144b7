"""Settings from a TOML file and from options: options win."""

import os
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path

import msgspec

from application.settings import Settings, check
from domain.errors import Misconfigured


def load(overrides: Mapping[str, object], config_file: Path | None) -> Settings:
    """The settings, checked. ``Misconfigured`` names what is wrong and what is allowed."""
    values = {**from_file(config_file), **{k: v for k, v in overrides.items() if v is not None}}
    unknown = sorted(set(values) - set(Settings.__struct_fields__))
    if unknown:
        allowed = ", ".join(Settings.__struct_fields__)
        raise Misconfigured(f"there is no setting {', '.join(unknown)}; there are {allowed}")
    if "http_port" in values:
        values.setdefault("http_port_fixed", True)
    try:
        settings = msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise Misconfigured(f"a setting has the wrong type: {error}{hint(error)}") from None
    return check(msgspec.structs.replace(settings, data_directory=absolute(settings)))


def hint(error: msgspec.ValidationError) -> str:
    """What a table of nodes looks like, when it is that one: a name with a dot is taken apart."""
    if "$.nodes" not in str(error):
        return ""
    return '; nodes is such as { n1 = 4, "n2.example.org" = 4 }: a name with a dot stands in quotes'


def from_file(config_file: Path | None) -> dict[str, object]:
    """What the file says; nothing for no file."""
    if config_file is None:
        return {}
    try:
        found = tomllib.loads(config_file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(f"cannot read {config_file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{config_file} is not TOML: {error}") from None
    return {name: without_moments(value) for name, value in found.items()}


def without_moments(value: object) -> object:
    """What TOML has as a date or a time, as the text that a setting is."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list):
        return [without_moments(one) for one in value]
    if isinstance(value, dict):
        return {name: without_moments(one) for name, one in value.items()}
    return value


def absolute(settings: Settings) -> str:
    """The data directory as an absolute path."""
    return os.path.abspath(os.path.expanduser(settings.data_directory))
