"""The example for an outside server has the accounts and permissions that the embedded one has."""

from pathlib import Path

from adapters.jetstream.accounts import Login, NatsRole, Scope, server_config

EXAMPLE = Path(__file__).parents[3] / "ops" / "nats-server.conf"


def test_the_example_is_what_the_embedded_server_is_given() -> None:
    logins = {role: Login(role.value, f"CHANGE-THE-PASSWORD-OF-{role}") for role in NatsRole}
    text = server_config(
        "nats-1",
        Path("/var/lib/nats/jetstream"),
        Scope("hpc1", "COUNTERMAND"),
        logins,
        Path("/var/log/nats-server.log"),
    )
    said = [line for line in EXAMPLE.read_text().splitlines() if not line.startswith("#")]
    assert "\n".join(said).strip() == text.strip()
