"""Signature, logins and TLS of the notifier; and that it tells no secret."""

import base64
import hashlib
import hmac
import os
import shutil
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.e2e.bare import Bare
from tests.e2e.consumer import NOTIFIER, Consumer
from tests.e2e.hostile import TAKEN
from tests.e2e.notifying import check_taken, forced, notifier, once
from tests.e2e.receiver import DROP, Receiver, Reply, receiving

pytestmark = [pytest.mark.e2e]

OPENSSL = shutil.which("openssl")


def private(bare: Bare, name: str, text: str) -> str:
    path = bare.home / name
    path.write_text(text + "\n")
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize("form", ["whsec_" + base64.b64encode(b"a key").decode(), "a key"])
def test_it_signs_as_standard_webhooks_do(bare: Bare, receiver: Receiver, form: str) -> None:
    stored = forced(1, TAKEN["bidi"])
    bare.store_all(stored, "TaskForceStopped")
    secret = private(bare, "key", form)
    assert once(bare, receiver, "--secret-file", secret).run() == 0
    ((headers, body),) = receiver.taken
    assert body == stored[0]
    assert headers["content-type"] == "application/cloudevents+json"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = base64.b64encode(hmac.new(b"a key", signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"


def test_secrets_stand_in_no_log_and_no_command_line(bare: Bare, receiver: Receiver) -> None:
    """Of the URL only scheme, host and port are told, also when everything goes wrong."""
    bare.store_all(forced(2), "TaskForceStopped")
    url = receiver.url.replace("http://", "http://user-secret:pass%20secret@")
    header = private(bare, "header", "Authorization: Bearer a-secret-token")
    files = ["--url-file", private(bare, "url", url), "--header-file", header]
    receiver.url, replies = "", iter([Reply(500), Reply(DROP), Reply(404)])
    receiver.decide = lambda _, __: next(replies, Reply(200))
    program = once(bare, receiver, *files)
    assert program.run() == 0
    assert receiver.paths[-1] == "/hook/a-secret-in-the-path?token=a-secret-in-the-query"
    assert receiver.taken[0][0]["authorization"] == "Bearer a-secret-token"
    assert program.heard("started", webhook=f"http://127.0.0.1:{receiver.port}")
    kept = [p.read_text() for p in (bare.home / "state").iterdir()]
    assert not [text for text in (program.log, str(program.command), *kept) if "secret" in text]


def test_a_login_in_the_url_is_sent_as_basic(bare: Bare, receiver: Receiver) -> None:
    bare.store_all(forced(1), "TaskForceStopped")
    receiver.url = receiver.url.replace("http://", "http://u:p%20p@")
    assert once(bare, receiver).run() == 0
    wanted = "Basic " + base64.b64encode(b"u:p p").decode()
    assert receiver.taken[0][0]["authorization"] == wanted


WRONG: dict[str, tuple[list[str], str]] = {
    "not a URL": (["--url", "ftp://x/secret"], "must be an http or https URL"),
    "no host": (["--url", "http:///secret"], "must be an http or https URL"),
    "a bad port": (["--url", "http://h:99999/secret"], "must be an http or https URL"),
    "a line end in it": (["--url", "http://h/\nsecret"], "must be an http or https URL"),
    "no such file": (["--url-file", "/no/such"], "cannot be read"),
    "open to others": (["--url", "http://h", "--secret-file", "OPEN"], "chmod 600 it"),
    "not Base64": (["--url", "http://h", "--secret-file", "BAD"], "is not Base64"),
    "no header": (["--url", "http://h", "--header-file", "BAD"], "must hold one header"),
    "empty": (["--url", "http://h", "--header-file", "EMPTY"], "must hold one line"),
    "no certificate": (["--url", "https://h", "--ca", "BAD"], "holds no certificate"),
    "no type": (["--url", "http://h", "--type", "a.>"], "--type cannot be 'a.>'"),
    "no start": (["--url", "http://h", "--start", "1x"], "--start cannot be '1x'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use(tmp_path: Path, name: str) -> None:
    files = {"OPEN": ("a-secret", 0o644), "BAD": ("whsec_a secret", 0o600), "EMPTY": ("", 0o600)}
    for file, (text, mode) in files.items():
        (tmp_path / file).write_text(text)
        (tmp_path / file).chmod(mode)
    options, words = WRONG[name]
    told = [str(tmp_path / x) if x in files else x for x in options]
    told += ["--state", str(tmp_path / "state"), "--endpoint", "/no/such"]
    program = Consumer(NOTIFIER, told, {"PATH": os.environ["PATH"]}, tmp_path / "log")
    assert program.run() == 2
    assert words in program.last_word
    assert "secret" not in program.log.replace("--secret-file", "")


def test_a_start_beyond_the_end(bare: Bare, receiver: Receiver) -> None:
    program = once(bare, receiver, "--start", "17")
    assert program.run() == 2
    assert "lies beyond the stream's end, 0" in program.last_word


# --- TLS ------------------------------------------------------------------------------------------


def certificate(directory: Path) -> Path:
    """Key and certificate of 127.0.0.1 in one file, signed by itself."""
    key, cert, both = (directory / name for name in ("key.pem", "cert.pem", "both.pem"))
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    return both


@pytest.mark.skipif(OPENSSL is None, reason="this machine has no openssl to make a certificate")
def test_https_with_an_authority_of_our_own(bare: Bare, tmp_path: Path) -> None:
    """And without it nothing is sent: who answers there is not known."""
    stored = forced(1)
    bare.store_all(stored, "TaskForceStopped")
    both = certificate(tmp_path)
    one: AbstractContextManager[Receiver] = receiving(certificate=both)
    with one as receiver:
        stranger = notifier(bare, receiver).start()
        line = stranger.until_heard("not_taken")
        assert line["reason"].startswith("TLS failed: CERTIFICATE_VERIFY_FAILED")
        assert stranger.stop() == 0
        assert receiver.asked == []
        assert once(bare, receiver, "--ca", str(both)).run() == 0
        check_taken(receiver, stored)
