"""One stack a test, and clients of HPC Pack's REST over HTTPS, in both forms.

People come in by token, which costs nothing; that a password does as well is tested among rights.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from domain.identity import Role
from tests.adapters.hpcpack.client import Form, HpcClient
from tests.adapters.http.stack import Stack, stack
from tests.contract.views import in_memory

IN_JSON = pytest.mark.parametrize("form", [Form.JSON], indirect=True)
"""For what is the same in both forms, or brings its own."""


class People:
    """Makes clients."""

    def __init__(self, service: Stack, form: Form, opened: AsyncExitStack) -> None:
        self.service = service
        self.form = form
        self._opened = opened
        self._tokens: dict[str, str] = {}
        self.base = f"https://127.0.0.1:{service.secure.getsockname()[1]}"
        self.trusted = ssl.create_default_context(cafile=service.pair.certificate)

    async def client(self, root: str = "/hpc", **headers: str) -> HpcClient:
        """A client with these headers."""
        made = HpcClient(self.base, self.form, self.trusted, root, **headers)
        return await self._opened.enter_async_context(made)

    async def person(
        self, name: str, *roles: Role, root: str = "/hpc", **headers: str
    ) -> HpcClient:
        """Somebody's client."""
        if name not in self._tokens:
            self.service.file.add(name, roles or (Role.USER,), with_token=False)
            self._tokens[name] = self.service.file.add_token(name)
        return await self.client(root, Authorization=f"Bearer {self._tokens[name]}", **headers)


@pytest.fixture
async def service() -> AsyncIterator[Stack]:
    """In memory if possible: machines do not die here, and a disk syncs in 10 ms."""
    with in_memory() as directory:
        async with stack(directory) as made:
            yield made


@pytest.fixture(params=list(Form), ids=["json", "xml"])
def form(request: pytest.FixtureRequest) -> Form:
    found = request.param
    assert isinstance(found, Form)
    return found


@pytest.fixture
async def people(service: Stack, form: Form) -> AsyncIterator[People]:
    async with AsyncExitStack() as opened:
        yield People(service, form, opened)


@pytest.fixture
async def alice(people: People) -> HpcClient:
    return await people.person("alice")


@pytest.fixture
async def admin(people: People) -> HpcClient:
    return await people.person("ada", Role.ADMINISTRATOR)
