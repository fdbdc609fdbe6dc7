"""The official Python client, PyPI `realtime`, which speaks serializer 1.0.0."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

from realtime import AsyncRealtimeClient
from realtime.types import RealtimeSubscribeStates as State

from checks import check, run, same, until
from target import HUB, Hub, hub_with_limits, hub_with_switches, topic, user

LIFE_S = 8
"""Of a token that is to expire: short, and long enough for a join on a busy machine."""

NOT_UNDERSTOOD: list[str] = []
"""Frames that the client could not read."""


class Complaints(logging.Handler):
    """Collects what the client says about frames that it does not know."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("Unrecognized message format"):
            NOT_UNDERSTOOD.append(record.getMessage()[:300])


logging.getLogger("realtime").addHandler(Complaints())
logging.getLogger("realtime").propagate = False


@contextlib.asynccontextmanager
async def client(hub: Hub = HUB, token: str | None = None) -> AsyncIterator[AsyncRealtimeClient]:
    """A connected client, closed at the end."""
    made = AsyncRealtimeClient(hub.api, token=hub.key)
    if token:
        await made.set_auth(token)
    await made.connect()
    try:
        yield made
    finally:
        await made.close()


class Room:
    """A channel with everything that came to it, and the states of its subscription."""

    def __init__(self, of: AsyncRealtimeClient, name: str, events: tuple[str, ...] = (), **config: Any) -> None:
        broadcast = {"ack": False, "self": False, **config.pop("broadcast", {})}
        presence = {"key": "", "enabled": False, **config.pop("presence", {})}
        params = {"config": {"broadcast": broadcast, "presence": presence, "private": config.pop("private", False)}}
        self.channel = of.channel(name, params)
        self.got: list[Any] = []
        self.states: list[tuple[State, Exception | None]] = []
        for event in events:
            # This client gives every broadcast to every callback, whatever its event.
            self.channel.on_broadcast(event, self.got.append)

    async def subscribe(self) -> "Room":
        await self.channel.subscribe(lambda state, error: self.states.append((state, error)))
        return self

    async def joined(self) -> "Room":
        await self.subscribe()
        same([state for state, _ in self.states], [State.SUBSCRIBED], "the states")
        return self

    async def heard(self, event: str, seconds: float = 8) -> Any:
        return await until(lambda: next((m for m in self.got if m["event"] == event), None), seconds, event)

    def count(self, state: State) -> int:
        return sum(1 for other, _ in self.states if other == state)


@check("it asks for 1.0.0")
async def asks_for_one() -> None:
    same("vsn=1.0.0" in AsyncRealtimeClient(HUB.api, token=HUB.key).endpoint_url(), True, "vsn=1.0.0")


@check("it joins a public topic")
async def joins() -> None:
    async with client() as a:
        await Room(a, topic()).joined()


@check("it joins its private inbox")
async def joins_inbox() -> None:
    me = user()
    async with client(token=HUB.token(me)) as a:
        await Room(a, f"user:{me}", private=True).joined()


@check("a refused join is told with its reason after 5 s")
async def refused() -> None:
    async with client(token=HUB.token(user())) as a:
        room = Room(a, f"user:{user()}", private=True)
        start = time.monotonic()
        await room.subscribe()
        took = time.monotonic() - start
        state, error = room.states[0]
        same(state, State.CHANNEL_ERROR, "the state")
        same("Unauthorized: You do not have permissions to read" in str(error), True, str(error))
        same(4.9 <= took <= 10, True, f"taking 5 s, and not {took:.1f} s,")


@check("a broadcast reaches the other and not the sender")
async def broadcast() -> None:
    name = topic()
    async with client() as a, client() as b:
        left = await Room(a, name, ("sig",)).joined()
        right = await Room(b, name, ("sig",)).joined()
        await left.channel.send_broadcast("sig", {"n": 1, "text": "été \U0001f697"})
        same((await right.heard("sig"))["payload"], {"n": 1, "text": "été \U0001f697"}, "the payload")
        await asyncio.sleep(0.2)
        same(left.got, [], "what the sender heard")


@check("the sender hears itself with self")
async def echo() -> None:
    async with client() as a:
        room = await Room(a, topic(), ("sig",), broadcast={"self": True}).joined()
        await room.channel.send_broadcast("sig", {"n": 1})
        same((await room.heard("sig"))["payload"], {"n": 1}, "the payload")


@check("an acknowledged broadcast is acknowledged")
async def acknowledged() -> None:
    async with client() as a:
        room = await Room(a, topic(), broadcast={"ack": True}).joined()
        acks: list[Any] = []
        push = await room.channel.push("broadcast", {"type": "broadcast", "event": "sig", "payload": {}})
        push.receive("ok", lambda *answer: acks.append(answer))
        await until(lambda: acks, 8, "the acknowledgement")


@check("a hundred broadcasts arrive in order")
async def in_order() -> None:
    name = topic()
    async with client() as a, client() as b:
        left = await Room(a, name).joined()
        right = await Room(b, name, ("n",)).joined()
        for n in range(100):
            await left.channel.send_broadcast("n", {"n": n})
        await until(lambda: len(right.got) == 100, 8, "the hundredth")
        same([m["payload"]["n"] for m in right.got], list(range(100)), "the order")


@check("http_send reaches a subscriber")
async def over_rest() -> None:
    name = topic()
    async with client() as a, client() as b:
        right = await Room(b, name, ("sig",)).joined()
        await a.channel(name).http_send("sig", {"n": 1})
        same((await right.heard("sig"))["payload"], {"n": 1}, "the payload")


@check("http_send without the right is refused with 403")
async def over_rest_refused() -> None:
    async with client() as a:
        room = Room(a, f"user:{user()}", private=True)
        try:
            await room.channel.http_send("sig", {})
        except Exception as error:  # The class is the client's own affair; the status counts.
            same(getattr(error, "status", None), 403, f"the status of {error}")
        else:
            raise AssertionError("it was accepted")


@check("presence is tracked, untracked and seen by both")
async def presence() -> None:
    name = topic()
    async with client() as a, client() as b:
        left = Room(a, name, presence={"key": "alice", "enabled": True})
        right = Room(b, name, presence={"key": "bob", "enabled": True})
        joins: list[str] = []
        leaves: list[str] = []
        right.channel.on_presence_join(lambda key, *_: joins.append(key))
        right.channel.on_presence_leave(lambda key, *_: leaves.append(key))
        await left.joined()
        await right.joined()
        await left.channel.track({"device": "phone"})
        for room in (left, right):
            await until(lambda room=room: room.channel.presence_state().get("alice"), 8, "the presence")
        same(right.channel.presence_state()["alice"][0]["device"], "phone", "the device")
        await left.channel.untrack()
        await until(lambda: not right.channel.presence_state().get("alice"), 8, "the end of the presence")
        same((joins, leaves), (["alice"], ["alice"]), "who came and went")


@check("a late subscriber gets the presence state, and its end when the other is gone")
async def late_presence() -> None:
    name = topic()
    async with client() as b:
        async with client() as a:
            left = await Room(a, name, presence={"key": "alice", "enabled": True}).joined()
            await left.channel.track({"n": 1})
            right = await Room(b, name, presence={"key": "bob", "enabled": True}).joined()
            await until(lambda: right.channel.presence_state().get("alice"), 8, "the presence")
        await until(lambda: not right.channel.presence_state().get("alice"), 8, "the end of the presence")


@check("a refreshed token keeps the channel beyond the first expiry")
async def refreshed() -> None:
    me = user()
    async with client(token=HUB.token(me, LIFE_S)) as a:
        room = await Room(a, f"user:{me}", ("sig",), private=True, broadcast={"self": True}).joined()
        await a.set_auth(HUB.token(me))
        await asyncio.sleep(LIFE_S + 2)
        await room.channel.send_broadcast("sig", {})
        await room.heard("sig")


@check("an expired token ends the channel for good")
async def expired() -> None:
    me = user()
    async with client(token=HUB.token(me, LIFE_S)) as a:
        room = await Room(a, f"user:{me}", private=True).joined()
        await until(lambda: room.count(State.CLOSED), 16, "the end")
        told = [str(error) for state, error in room.states if state == State.CHANNEL_ERROR]
        same(any("Token has expired 0 seconds ago" in text for text in told), True, f"the reason among {told}")
        await asyncio.sleep(4)
        same(room.states[-1][0], State.CLOSED, "the last state")


@check("unsubscribing ends the delivery")
async def unsubscribed() -> None:
    name = topic()
    async with client() as a, client() as b:
        left = await Room(a, name).joined()
        right = await Room(b, name, ("sig",)).joined()
        await right.channel.unsubscribe()
        await until(lambda: right.count(State.CLOSED), 8, "the end of the channel")
        await left.channel.send_broadcast("sig", {})
        await asyncio.sleep(0.3)
        same(right.got, [], "what came")


@check("a join with changes of tables succeeds")
async def tables() -> None:
    async with client() as a:
        room = Room(a, topic())
        room.channel.on_postgres_changes("*", lambda _: None, table="calls", schema="public")
        await room.joined()


@check("after the hub was restarted it connects and joins again by itself")
async def restarted() -> None:
    async with hub_with_switches() as own, client(own) as a:
        room = await Room(a, topic(), ("sig",), broadcast={"self": True}).joined()
        await own.kick(1012)
        await until(lambda: room.count(State.SUBSCRIBED) == 2, 12, "the second join")
        await room.channel.send_broadcast("sig", {})
        await room.heard("sig")


@check("a message of the database is understood")
async def from_database() -> None:
    me = user()
    async with hub_with_switches() as own, client(own, own.token(me)) as a:
        room = await Room(a, f"user:{me}", ("sig",), private=True).joined()
        await own.send_from_database(f"user:{me}", "sig", {"n": 1})
        message = await room.heard("sig")
        same((message["payload"]["n"], bool(message["meta"]["id"])), (1, True), "payload and id")


@check("a channel that the rate limit closed stays closed")
async def limited() -> None:
    name = topic()
    async with hub_with_limits(messages_per_second=10, tick_ms=500) as own, client(own) as a, client(own) as b:
        sender = await Room(a, name, broadcast={"ack": True}).joined()
        receiver = await Room(b, name).joined()
        for _ in range(200):
            await sender.channel.send_broadcast("sig", {})
            await asyncio.sleep(0.02)
            if receiver.count(State.CLOSED):
                break
        await until(lambda: receiver.count(State.CLOSED), 9, "the end")
        await asyncio.sleep(3)
        same(receiver.states[-1][0], State.CLOSED, "the last state")


@check("every frame was understood", last=True)
async def understood() -> None:
    same(NOT_UNDERSTOOD, [], "what was not understood")


run()
