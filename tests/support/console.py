"""A member of staff as a program: signs in, sends her CSRF token with what she does, reads JSON."""

from types import TracebackType
from typing import Any, Self

from aiohttp import ClientSession, CookieJar


class StaffClient:
    """`async with StaffClient(url) as li:` then `await li.sign_in("li", password)`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.csrf = ""
        self.session = ClientSession(cookie_jar=CookieJar(unsafe=True))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    async def sign_in(self, login: str, password: str, **more: str) -> int:
        """Sign in; the status. From then on the CSRF token goes along."""
        status, answer = await self.post("/console/sign-in", {"login": login, "password": password, **more})
        self.csrf = answer.get("csrf", "") if status == 200 else ""
        return status

    async def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON of a page."""
        headers = {"Accept": "application/json"}
        async with self.session.get(self.url + path, headers=headers, allow_redirects=False) as response:
            return response.status, await response.json()

    async def post(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Do something; status and JSON of the answer."""
        headers = {"Accept": "application/json"}
        if self.csrf:
            headers["X-CSRF-Token"] = self.csrf
        async with self.session.post(
            self.url + path, json=body or {}, headers=headers, allow_redirects=False
        ) as response:
            return response.status, await response.json()
