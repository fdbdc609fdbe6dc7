"""Named checks: all run at the same time, one line printed for each."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable

LIMIT_S = 30
"""How long a check may take. Most need well under a second, and 5 s more for each stall."""

Check = Callable[[], Awaitable[None]]
_registered: list[tuple[str, Check]] = []
_last: list[tuple[str, Check]] = []


class Skipped(Exception):
    """Ends a check with the reason why it cannot run."""


def check(name: str, *, last: bool = False) -> Callable[[Check], Check]:
    """Registers a coroutine function as a check, which runs with the others or when they are done."""

    def register(body: Check) -> Check:
        (_last if last else _registered).append((name, body))
        return body

    return register


def same(actual: object, expected: object, what: str = "it") -> None:
    """Fails unless both are equal."""
    if actual != expected:
        raise AssertionError(f"{what} is {json.dumps(actual, default=str)}, not {json.dumps(expected, default=str)}")


async def until(look: Callable[[], object], seconds: float = 8, what: str = "it") -> object:
    """Looks until something is there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        await asyncio.sleep(0.005)
    raise AssertionError(f"{what} did not come within {seconds} s")


def run() -> None:
    """Runs every check whose name contains `ONLY` of the environment, and exits."""
    only = os.environ.get("ONLY", "")
    sys.exit(0 if asyncio.run(_all(only)) else 1)


async def _all(only: str) -> bool:
    good = True
    for group in (_registered, _last):
        good &= all(await asyncio.gather(*(_one(name, body) for name, body in group if only in name)))
    return good


async def _one(name: str, body: Check) -> bool:
    try:
        await asyncio.wait_for(body(), LIMIT_S)
    except Skipped as skipped:
        print(f"SKIPPED {name}: {skipped}")
    except Exception as error:  # Whatever it is, it is why the check failed.
        why = " ".join(f"{type(error).__name__} {error}".split())
        print(f"not ok {name}: {why[:400]}")
        return False
    else:
        print(f"ok {name}")
    return True
