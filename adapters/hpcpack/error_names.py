"""HPC Pack's error numbers as its REST says them: by name, and as signed numbers."""

from typing import Final

from domain.hresult import HResult, hpc_name

NAMES: Final[dict[int, str]] = {int(number): hpc_name(number) for number in HResult}
"""Every number that is answered with, or stored, and HPC Pack's name for it."""


def name_of(number: int) -> str:
    """HPC Pack's name for a number; "UnknownError" for one that has none here."""
    return NAMES.get(number, NAMES[HResult.UNKNOWN_ERROR])


def signed(number: int) -> int:
    """The number as a signed one of 32 bits, as .NET and the REST fault's ``Code`` have it."""
    return number - 2**32 if number >= 2**31 else number
