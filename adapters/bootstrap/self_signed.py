"""A certificate of our own for HTTPS, made where none is configured."""

import ipaddress
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from adapters.bootstrap.certificate import Pair
from adapters.durable_file import write_durably

VALID_DAYS: Final = 365
RENEW_DAYS: Final = 30
CLOCK_SKEW: Final = timedelta(minutes=5)
COMMON_NAME_CHARACTERS_MAX: Final = 64


def self_signed(directory: Path, host: str, now: datetime) -> Pair:
    """A certificate of our own for this machine, made anew when it is about to end.

    The private key is readable by this account only, and never lies there with other rights.
    """
    pair = Pair(directory / "certificate.pem", directory / "key.pem")
    if not serves(pair, host, now):
        directory.mkdir(mode=0o700, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        write_durably(pair.key, pem_of(key))
        made = certificate(key, names_for(host), now)
        write_durably(pair.certificate, made.public_bytes(serialization.Encoding.PEM))
    return pair


def serves(pair: Pair, host: str, now: datetime) -> bool:
    """Whether both files are there, for this host, and will do for a while."""
    try:
        found = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
        key = serialization.load_pem_private_key(pair.key.read_bytes(), password=None)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    lasts = found.not_valid_after_utc > now + timedelta(days=RENEW_DAYS)
    return lasts and list(names) == names_for(host) and found.public_key() == key.public_key()


def names_for(host: str) -> list[x509.GeneralName]:
    """What a client may call this machine."""
    names = dict.fromkeys(("localhost", socket.gethostname(), "127.0.0.1", "::1", host))
    return [general_name(name) for name in names if name not in ("", "0.0.0.0", "::")]


def general_name(name: str) -> x509.GeneralName:
    """An address, or a name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def certificate(
    key: ec.EllipticCurvePrivateKey, names: list[x509.GeneralName], now: datetime
) -> x509.Certificate:
    """Signed with its own key; it can sign nothing else."""
    hostname = socket.gethostname()[:COMMON_NAME_CHARACTERS_MAX]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname)])
    public = key.public_key()
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - CLOCK_SKEW)
        .not_valid_after(now.astimezone(UTC) + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The key as PEM, without a password: the service starts without a person."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
