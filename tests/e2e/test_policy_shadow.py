"""``countermand policy shadow`` on a real store: through a restart, rechecked and checked."""

from copy import deepcopy
from pathlib import Path

import pytest

from adapters.kept_backtests import KeptBacktests
from adapters.policy import default_text
from tests.e2e.service import Service
from tests.e2e.stream import Event
from tests.e2e.test_backtest import as_json, asked
from tests.e2e.test_fsck import forged, published, stream_of
from tests.e2e.test_policy import as_root, checked, recheck, sha256_of
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NO_FORCE = (
    '@id("no-force") @deny_message("nobody forces") '
    'forbid (principal, action == Action::"cancel", resource) '
    'when { context has mode && context.mode == Mode::"forced" };\n'
)


def test_a_shadow_outlives_a_restart_and_every_check_knows_what_it_said(
    service: Service, tmp_path: Path
) -> None:
    service.start()
    file = tmp_path / "next.cedar"
    file.write_text(default_text() + NO_FORCE)
    digest = sha256_of(file.read_text())
    assert as_root(service, "shadow", "stop").status == 6
    started = as_root(service, "shadow", "start", file, "-m", "what if?")
    assert started.status == 0, started.err
    assert as_root(service, "shadow", "start", file).status == 6
    assert as_root(service, "show", "-q", "--shadow").out == file.read_text()
    service.stop()
    service.start()
    job = service.submit("sleep 600")
    service.cancel(job, "forced")
    service.until_state(job, "Canceled")
    (cancel,) = [x for x in service.stream() if x.type == "JobCancelRequested"]
    assert cancel.data["decision"]["effect"] == "allow"
    said = {"digest": digest, "effect": "deny", "rules": ["no-force"]}
    assert cancel.data["decision"]["shadow"] == said
    status, report = recheck(service)
    assert (status, report["different"], report["unknown"]) == (0, 0, {})
    assert report["in_shadow"] > 2
    reported(service, digest)
    assert as_root(service, "shadow", "stop", "-m", "enough").status == 0
    assert as_root(service, "show", "--shadow").status != 0
    job = service.submit("true")
    service.until_state(job, "Finished")
    service.stop()
    assert stream_of(service.data)[-1].data.get("decision") is None
    added = [x for x in stream_of(service.data) if x.type == "JobAdded"][-1]
    assert added.data["decision"]["shadow"] is None
    assert checked(service) == []
    forge_answers(service, cancel, added)


def reported(service: Service, digest: str) -> None:
    """What they said otherwise: one cancel by force."""
    status, found = as_json(service, "shadow", "report")
    assert (status, found["run"]["digest"], found["run"]["ended"]) == (11, digest, 0)
    (change,) = found["changes"]
    assert (change["kind"], change["becomes"]) == ("allow_to_deny", ["no-force"])
    assert change["what"] == "nobody forces"
    assert found["by_rule"]["no-force"]["allow_to_deny"] == 1
    assert found["basis"]["same"] == found["basis"]["decisions"] - 1 > 0
    assert as_json(service, "shadow", "report", digest[:8])[1]["id"] == found["id"]
    assert KeptBacktests(service.data / "backtests").rules_of(found["id"]) == digest
    people = asked(service, "shadow", "report")
    assert people.out.endswith(f"backtest {found['id']}\n")
    assert "allow->deny" in people.out
    assert "and run now" in people.err
    why = asked(service, "why", str(change["position"]))
    assert why.status == 0
    assert f"deny by no-force, which binds nobody; of the rules {digest}" in why.out
    name = "countermand_policy_shadow_answers_total"
    until(
        lambda: f'{name}{{kind="allow_to_deny"}} 1.0' in service.http("GET", "/metrics").text,
        "it is counted",
    )
    none = asked(service, "shadow", "report", "f" * 12)
    assert (none.status, "ever ran in shadow" in none.err) == (3, True)


def forge_answers(service: Service, cancel: Event, added: Event) -> None:
    """Answers that nobody gave: one of rules that never ran in shadow, one of another effect."""
    for field, value in (("digest", "0" * 64), ("effect", "allow")):
        last = [x for x in stream_of(service.data) if x.aggregate == added.aggregate][-1]
        made_up = deepcopy(cancel.data)
        made_up["decision"]["shadow"][field] = value
        (position,) = published(service.data, forged(last, "JobCancelRequested", made_up))
        if field == "digest":
            assert ("policy", position) in checked(service)
    status, report = recheck(service)
    assert (status, [x["field"] for x in report["differences"]]) == (10, ["shadow.effect"])
    assert report["unknown"] == {"0" * 64: 1}
