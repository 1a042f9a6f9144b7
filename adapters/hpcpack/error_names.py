"""HPC Pack's names for its error numbers. Source: the client library's ErrorCode constants."""

from typing import Final

from domain.hresult import HResult, hpc_name

BAD_USER_NAME: Final = 0x800403C4
"""``x-ms-as-user`` names nobody."""

ONLY_HERE: Final = {
    BAD_USER_NAME: "Operation_ServiceAsClientBadUserName",
}
"""Numbers that the rules about jobs do not know: only HPC Pack's REST answers with them."""


def name_of(number: int) -> str:
    """HPC Pack's name for a number; "UnknownError" for one that has none here."""
    return ONLY_HERE.get(number) or hpc_name(number) or hpc_name(HResult.UNKNOWN_ERROR)


def signed(number: int) -> int:
    """The number as a signed one of 32 bits, as .NET and the REST fault's ``Code`` have it."""
    return number - 2**32 if number >= 2**31 else number
