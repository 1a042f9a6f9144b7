"""What is decided on the cluster itself: its parameters, and creations of jobs that are refused."""

from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from application.admission import Admission
from application.ledger import Cause, Ledger
from application.receipts import Receipt, receipt, replayed
from domain import commands as c
from domain import events as e
from domain.adding import content_of_job
from domain.cluster import Cluster, SetParameter, refused, set_parameter
from domain.identity import Caller
from domain.job import Asking
from domain.parameters import CATALOGUE, Parameter, Value
from domain.refusal import Refusal


class ParametersInForce(Struct, frozen=True):
    """Every cluster parameter and its value, at one version of the cluster."""

    version: int
    values: tuple[tuple[Parameter, Value], ...]


class ClusterCommands:
    """Each is one event on the cluster; the same request again is answered as before."""

    def __init__(self, ledger: Ledger, admission: Admission) -> None:
        self._ledger = ledger
        self._admission = admission

    async def set_parameter(self, caller: Caller, command: SetParameter) -> Receipt:
        """Set, or refused."""
        return await self._ask(
            caller,
            command.asked.request_id,
            "set_parameter",
            lambda cluster: set_parameter(cluster, command),
        )

    async def creation_refused(self, caller: Caller, draft: c.AddJob, no: Refusal) -> Receipt:
        """The refusal of a job that is not made: stored here, for there is no job."""
        request_id, content = draft.asked.request_id, content_of_job(draft)
        asked_for = {"name": draft.name, "job_type": draft.job_type}

        def decided(cluster: Cluster) -> e.ClusterEvent | None:
            before = cluster.asked.get(Asking(caller.asker, "add_job", request_id))
            if before is not None and before.content_sha256 == content:
                return None
            return refused(draft.asked, "add_job", no, asked_for, content)

        answer = await self._ask(caller, request_id, "add_job", decided)
        return replace(answer, operation="submit")

    async def parameters(self) -> ParametersInForce:
        """Every parameter in the catalogue with the value in force."""
        cluster = await self._ledger.cluster()
        values = tuple((p, cluster.value(p.name)) for p in CATALOGUE.values())
        return ParametersInForce(cluster.version, values)

    async def _ask(
        self,
        caller: Caller,
        request_id: str,
        operation: str,
        decided: Callable[[Cluster], e.ClusterEvent | None],
    ) -> Receipt:
        """Store what is decided; nothing for a request answered before."""

        def change(cluster: Cluster, _: datetime) -> Sequence[e.Event]:
            fact = decided(cluster)
            return self._admission.admitted(caller, [fact]) if fact is not None else []

        cause = Cause(caller, correlation_id=request_id, causation_id=request_id)
        done = await self._ledger.change_cluster(change, cause)
        if done.recorded:
            return receipt(done.recorded[0], done.position, operation, "", None)
        answered = done.after.asked[Asking(caller.asker, operation, request_id)]
        cluster = self._ledger.cluster_aggregate
        stored = await self._ledger.histories.event(cluster, answered.version)
        return replayed(stored, operation, "", None)
