"""The library's shipped cases on a stream with three replicas."""

import pytest

from tests.adapters.jetstream.recorder import suites
from tests.support.cluster import Cluster, cluster
from tests.support.recorder import environment

__all__ = ["cluster"]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cluster")]


class Here:
    """Each case gets a stream of its own, told as an application is told: by environment."""

    settings: dict[str, str]

    @pytest.fixture(autouse=True)
    def _own_stream(self, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = environment(cluster.url, cluster.admin, NATS_REPLICAS="3")
        for name, value in self.settings.items():
            monkeypatch.setenv(name, value)


class TestAggregateRecorders(Here, suites.AggregateRecorders):
    pass


class TestSnapshotRecorders(Here, suites.SnapshotRecorders):
    pass


class TestApplicationRecorders(Here, suites.ApplicationRecorders):
    pass


class TestApplicationRecordersOfText(Here, suites.ApplicationRecordersOfText):
    pass


class TestNonInterleaving(Here, suites.NonInterleaving):
    pass


class TestFactories(Here, suites.Factories):
    pass


class TestExampleApplications(Here, suites.ExampleApplications):
    pass


class TestApplications(Here, suites.Applications):
    pass


class TestProjections(Here, suites.Projections):
    pass


class TestEventSourcedProjections(Here, suites.EventSourcedProjections):
    pass
