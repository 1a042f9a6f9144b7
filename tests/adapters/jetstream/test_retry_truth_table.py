"""An append whose answer is lost, at every moment, on one server and on three: once, or unknown."""

from collections.abc import Iterator

import pytest

from tests.faults.retries import CASES, Case, Place, outcome_of
from tests.support.cluster import threaded_cluster
from tests.support.nats import AdminServer, threaded_server

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cluster")]


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with threaded_server(AdminServer, tmp_path_factory.mktemp("one")) as server:
        yield Place((server,))


@pytest.fixture(scope="module")
def three_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with threaded_cluster(tmp_path_factory.mktemp("three")) as cluster:
        yield Place(tuple(cluster.nodes), cluster)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_on_one_server_it_is_stored_once_or_unknown(one_server: Place, case: Case) -> None:
    outcome = await outcome_of(one_server, case)
    assert not outcome.wrong(case)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_on_three_servers_it_is_stored_once_or_unknown(
    three_servers: Place, case: Case
) -> None:
    outcome = await outcome_of(three_servers, case)
    assert not outcome.wrong(case)
