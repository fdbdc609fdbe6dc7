//! The crate supabase-realtime-rs, which speaks serializer 1.0.0, against the hub.
//!
//! It never waits for the answer to a join: what it says about a channel is checked by what arrives on it. Its leave has
//! no join_ref, and its broadcasts over REST carry the prefix `realtime:`: two traps of the wire, walked into by a real
//! client.

mod checks;

use std::{env, process::ExitCode, sync::Arc, time::Duration};

use checks::{Checks, Failure, truth, until};
use serde_json::{Value, json};
use supabase_realtime_rs::{
    ChannelEvent, EventPayload, RealtimeChannel, RealtimeChannelOptions, RealtimeClient, RealtimeClientOptions,
    SystemEvent,
};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut checks = Checks::default();
    checks.add("it connects and its heartbeats are answered", heartbeats());
    checks.add("it is answered when it joins a public topic", joins());
    checks.add("a broadcast reaches the other and not the sender", broadcasts());
    checks.add("the sender hears itself with self", hears_itself());
    checks.add("an acknowledged broadcast is acknowledged", acknowledged());
    checks.add("a hundred broadcasts arrive in order", in_order());
    checks.add("presence is tracked, untracked and seen by both", presence());
    checks.add("a refused private join is answered with its reason, which it ignores", refused());
    checks.add("its leave without a join_ref leaves it joined", leaves());
    checks.add("its broadcast over REST has the prefix, is accepted and reaches nobody", over_rest());
    checks.run().await
}

async fn heartbeats() -> Result<(), Failure> {
    let client = client_with(|options| options.heartbeat_interval = Some(200)).await?;
    // It closes the connection when one heartbeat is not answered before the next.
    sleep(Duration::from_secs(2)).await;
    truth(client.is_connected().await, "the connection is gone")?;
    client.disconnect().await?;
    Ok(())
}

async fn joins() -> Result<(), Failure> {
    let client = client().await?;
    let channel = client.channel(&topic(), RealtimeChannelOptions::default()).await;
    let mut replies = channel.on(ChannelEvent::System(SystemEvent::Reply)).await;
    channel.subscribe().await?;
    let reply = next(&mut replies).await?;
    truth(reply["status"] == "ok", reply.to_string())
}

async fn broadcasts() -> Result<(), Failure> {
    let topic = topic();
    let (mut left, mut right) = (Room::join(&topic, plain()).await?, Room::join(&topic, plain()).await?);
    left.send(json!({"n": 1, "text": "été"})).await?;
    let heard = next(&mut right.heard).await?;
    truth(heard["payload"] == json!({"n": 1, "text": "été"}), heard.to_string())?;
    truth(left.heard.try_recv().is_err(), "the sender heard itself")
}

async fn hears_itself() -> Result<(), Failure> {
    let options = RealtimeChannelOptions { broadcast_self: true, ..plain() };
    let mut room = Room::join(&topic(), options).await?;
    room.send(json!({"n": 1})).await?;
    next(&mut room.heard).await.map(drop)
}

async fn acknowledged() -> Result<(), Failure> {
    let options = RealtimeChannelOptions { broadcast_ack: true, ..plain() };
    let room = Room::join(&topic(), options).await?;
    let (told, mut acks) = mpsc::channel(1);
    let payload = json!({"type": "broadcast", "event": EVENT, "payload": {}});
    let told = move |answer| drop(told.try_send(answer));
    room.channel.push("broadcast", payload).receive("ok", told).send().await?;
    timeout(PATIENCE, acks.recv()).await.map_err(|_| "no acknowledgement")?.ok_or("the push is gone").map(drop)?;
    Ok(())
}

async fn in_order() -> Result<(), Failure> {
    let topic = topic();
    let (left, mut right) = (Room::join(&topic, plain()).await?, Room::join(&topic, plain()).await?);
    for n in 0..100 {
        left.send(json!({"n": n})).await?;
    }
    for n in 0..100 {
        let heard = next(&mut right.heard).await?;
        truth(heard["payload"]["n"] == n, format!("{heard} instead of {n}"))?;
    }
    Ok(())
}

async fn presence() -> Result<(), Failure> {
    let topic = topic();
    let keyed = |key: &str| RealtimeChannelOptions { presence_key: Some(key.to_owned()), ..plain() };
    let (left, right) = (Room::join(&topic, keyed("alice")).await?, Room::join(&topic, keyed("bob")).await?);
    left.channel.track(json!({"device": "phone"})).await?;
    until("the presence", || right.sees("alice")).await?;
    until("the own presence", || left.sees("alice")).await?;
    left.channel.untrack().await?;
    until("the end of the presence", || async { !right.sees("alice").await }).await
}

async fn refused() -> Result<(), Failure> {
    let client = client().await?;
    let options = RealtimeChannelOptions { is_private: true, ..plain() };
    let channel = client.channel(&format!("user:{}", uuid::Uuid::new_v4()), options).await;
    let mut replies = channel.on(ChannelEvent::System(SystemEvent::Reply)).await;
    channel.subscribe().await?;
    let reply = next(&mut replies).await?;
    let reason = reply["response"]["reason"].as_str().unwrap_or_default();
    truth(reason.starts_with("Unauthorized: "), reply.to_string())?;
    truth(channel.was_joined().await, "it noticed: this check and its name are out of date")
}

async fn leaves() -> Result<(), Failure> {
    let topic = topic();
    let (left, mut right) = (Room::join(&topic, plain()).await?, Room::join(&topic, plain()).await?);
    right.channel.unsubscribe().await?;
    sleep(Duration::from_millis(300)).await;
    left.send(json!({"n": 1})).await?;
    next(&mut right.heard).await.map(drop)
}

async fn over_rest() -> Result<(), Failure> {
    let topic = topic();
    let mut right = Room::join(&topic, plain()).await?;
    // Without the last part of the path it never connects, but finds the API.
    let client = RealtimeClient::new(format!("{}/realtime/v1", address()), options())?;
    let channel = client.channel(&topic, plain()).await;
    channel.send(ChannelEvent::broadcast(EVENT), json!({})).await?;
    sleep(Duration::from_millis(500)).await;
    truth(right.heard.try_recv().is_err(), "it arrived")
}

/// A channel of a client of its own, joined for sure.
struct Room {
    channel: Arc<RealtimeChannel>,
    heard: mpsc::Receiver<EventPayload>,
}

impl Room {
    async fn join(topic: &str, options: RealtimeChannelOptions) -> Result<Room, Failure> {
        let client = client().await?;
        let channel = client.channel(topic, options).await;
        let heard = channel.on(ChannelEvent::broadcast(EVENT)).await;
        let mut replies = channel.on(ChannelEvent::System(SystemEvent::Reply)).await;
        channel.subscribe().await?;
        let reply = next(&mut replies).await?;
        truth(reply["status"] == "ok", reply.to_string())?;
        // Acknowledgements would fill it.
        drop(replies);
        Ok(Room { channel, heard })
    }

    async fn send(&self, payload: Value) -> Result<(), Failure> {
        Ok(self.channel.send(ChannelEvent::broadcast(EVENT), payload).await?)
    }

    async fn sees(&self, key: &str) -> bool {
        self.channel.presence_list().await.iter().any(|(other, metas)| other == key && !metas.is_empty())
    }
}

async fn client() -> Result<RealtimeClient, Failure> {
    client_with(|_| {}).await
}

async fn client_with(change: impl FnOnce(&mut RealtimeClientOptions)) -> Result<RealtimeClient, Failure> {
    let mut options = options();
    change(&mut options);
    let client = RealtimeClient::new(format!("{}/realtime/v1/websocket", address()), options)?;
    client.connect().await?;
    Ok(client)
}

fn options() -> RealtimeClientOptions {
    RealtimeClientOptions { api_key: variable("HUB_KEY"), ..RealtimeClientOptions::default() }
}

fn plain() -> RealtimeChannelOptions {
    RealtimeChannelOptions::default()
}

/// The hub's address for a websocket.
fn address() -> String {
    variable("HUB_URL").replacen("http", "ws", 1)
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

/// A topic nobody else has.
fn topic() -> String {
    format!("room:{}", uuid::Uuid::new_v4())
}

async fn next(from: &mut mpsc::Receiver<EventPayload>) -> Result<Value, Failure> {
    let payload = timeout(PATIENCE, from.recv()).await.map_err(|_| "nothing came")?.ok_or("the channel is gone")?;
    Ok(match payload {
        EventPayload::Broadcast(value)
        | EventPayload::PresenceState(value)
        | EventPayload::PresenceDiff(value)
        | EventPayload::System(value)
        | EventPayload::Custom(value) => value,
        EventPayload::PostgresChanges(_) => Value::Null,
    })
}

const EVENT: &str = "sig";
/// Longer than the stall of a refused join.
const PATIENCE: Duration = Duration::from_secs(9);
