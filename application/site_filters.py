"""Both filters of a site, joined: what the dispatcher asks before a job is queued, and started."""

from application.activation_filter import ActivationFilter, Pauses
from application.board import Board
from application.filters import FilterPrograms, FilterSettings, JobFiles
from application.ledger import Ledger
from application.ports import Clock, Reporter
from application.runs import Runs
from application.submission_filter import SubmissionFilter


class SiteFilters:
    """``submission`` and ``activation``; a filter that is not set lets every job pass."""

    def __init__(
        self,
        board: Board,
        ledger: Ledger,
        runs: Runs,
        programs: FilterPrograms,
        files: JobFiles,
        clock: Clock,
        reporter: Reporter,
        pauses: Pauses = Pauses(),  # noqa: B008
    ) -> None:
        settings = FilterSettings(ledger)
        self.submission = SubmissionFilter(board, settings, runs, programs, files, reporter)
        self.activation = ActivationFilter(
            board, settings, runs, programs, files, clock, reporter, pauses
        )

    async def close(self) -> None:
        """End the filters that run; the next service asks again."""
        await self.submission.close()
        await self.activation.close()
