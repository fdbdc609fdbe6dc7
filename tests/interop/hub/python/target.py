"""The hub under test, as the environment names it; hubs of one's own with fault switches."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import re
import time
import uuid
from collections.abc import AsyncIterator

import httpx

from checks import Skipped


class Hub:
    """A hub, and the keys that it accepts."""

    def __init__(self, url: str, key: str, secret: str) -> None:
        self.url = url.rstrip("/")
        self.key = key
        self.secret = secret

    @property
    def api(self) -> str:
        """The address that a client is given."""
        return f"{self.url}/realtime/v1"

    def token(self, user: str, life: int = 3600) -> str:
        """A token of a user, for so many seconds."""
        return self.sign({"sub": user, "role": "authenticated", "aud": "authenticated", "exp": int(time.time()) + life})

    def sign(self, claims: dict[str, object]) -> str:
        """A token that says this."""

        def encode(value: bytes) -> str:
            return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

        body = ".".join(encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        mac = hmac.new(self.secret.encode(), body.encode(), hashlib.sha256).digest()
        return f"{body}.{encode(mac)}"

    async def kick(self, code: int) -> None:
        """Closes every socket with this code."""
        await self._local("faults", {"act": [{"kick": code}]})

    async def send_from_database(self, topic: str, event: str, payload: object) -> None:
        """What `realtime.send` does in SQL."""
        await self._local("send", {"topic": topic, "event": event, "payload": payload})

    async def _local(self, what: str, body: dict[str, object]) -> None:
        async with httpx.AsyncClient() as client:
            response = await client.post(f"{self.url}/local/{what}", json=body)
            if response.status_code >= 300:
                raise AssertionError(f"/local/{what} answers {response.status_code} {response.text}")


HUB = Hub(os.environ["HUB_URL"], os.environ["HUB_KEY"], os.environ["HUB_SECRET"])
"""The hub that the environment names."""


def hub_with_switches() -> contextlib.AbstractAsyncContextManager[Hub]:
    """A hub of one's own."""
    return _own("HUB_PROGRAM", "--listen", "127.0.0.1:0", "--demo")


def hub_with_limits(**limits: int) -> contextlib.AbstractAsyncContextManager[Hub]:
    """A hub of one's own with the limits of a project."""
    named = ((f"--{name.replace('_', '-')}", str(value)) for name, value in limits.items())
    return _own("HUB_STAND", *(word for pair in named for word in pair))


@contextlib.asynccontextmanager
async def _own(variable: str, *options: str) -> AsyncIterator[Hub]:
    """Starts a program. A real project has no switches: the check is skipped."""
    program = os.environ.get(variable)
    if not program:
        raise Skipped("a real project has no fault switches")
    child = await asyncio.create_subprocess_exec(
        program,
        *options,
        env={**os.environ, "RINGBACK_API_KEY": HUB.key, "RINGBACK_JWT_SECRET": HUB.secret},
        # Open: the end of its input ends a hub of ours.
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert child.stdout
        while line := await child.stdout.readline():
            if found := re.search(rb"http://127\.0\.0\.1:\d+", line):
                yield Hub(found[0].decode(), HUB.key, HUB.secret)
                break
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def topic(name: str = "room") -> str:
    """A topic nobody else has."""
    return f"{name}:{uuid.uuid4().hex[:8]}"


def user() -> str:
    """A user nobody else is."""
    return str(uuid.uuid4())
