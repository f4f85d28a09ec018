"""The application on the real use cases: only what has to do with runs and health is made up."""

from __future__ import annotations

from functools import partial

from syncd.accounts.tokens import Token
from syncd.bootstrap import Runtime
from syncd.http.blocking import StoreCalls
from syncd.model.caller import Caller
from tests.fakes.host import FakeHost


class ServiceHost(FakeHost):
    """Everything about people is the runtime's."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__()
        self.management = runtime.management
        self._calls = StoreCalls()

    async def resolve(self, token: Token, *, request_id: str) -> Caller | None:
        resolve = partial(self.management.callers.resolve, token, request_id=request_id)
        return await self._calls(resolve, name="resolve token")
