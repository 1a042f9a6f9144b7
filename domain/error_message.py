"""A job's ErrorMessage, rendered from its code and params as HPC Pack renders it.

Source: the seed (the message is stored with the job and read through
``ISchedulerJob::ErrorMessage``) and the client library, which keeps the word ``None`` for an empty
message. Clients test "contains".
"""

from typing import Final

from domain.hresult import HResult

EMPTY: Final = "None"
TEMPLATES: Final = {
    HResult.CANCELED_BY_USER: "Canceled by user. Message: {}",
    HResult.FINISHED_BY_USER: "Finished by user. Message: {}",
    HResult.TASK_FAILURE: "The job failed: {}",
}


def error_message(code: int, params: str) -> str:
    """The text for ``code``; "" when there is none."""
    if code == 0:
        return ""
    try:
        template = TEMPLATES[HResult(code)]
    except (ValueError, KeyError):
        return params
    return template.format(params or EMPTY)
