//! Two engines in a world.

use std::sync::Arc;
use std::time::Duration;

use ringback::media::MediaEngine;
use ringback::media::webrtc::{WebRtcEngine, WebRtcEngineBuilder};
use ringback_tests::exchange::{Party, Watcher};
use ringback_tests::sim::{Path, World};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Two engines, `a` calling `b`, over clean signaling of 50 ms.
pub(crate) struct Pair {
    pub(crate) a: Arc<WebRtcEngine>,
    pub(crate) b: Arc<WebRtcEngine>,
    pub(crate) at_a: Watcher,
    pub(crate) at_b: Watcher,
    pub(crate) dialed: Instant,
    tasks: [JoinHandle<()>; 2],
}

impl Pair {
    pub(crate) fn dial(world: &World) -> Self {
        Self::dial_with(world, |builder| builder, false)
    }

    /// `set_up` makes a's engine; `relay_only` goes for a.
    pub(crate) fn dial_with(
        world: &World,
        set_up: impl Fn(WebRtcEngineBuilder) -> WebRtcEngineBuilder,
        relay_only: bool,
    ) -> Self {
        Self::dial_as(world, set_up, |a, b| (if relay_only { a.relay_only() } else { a }, b))
    }

    /// `cast` makes of the parties what they are to be.
    pub(crate) fn dial_as(
        world: &World,
        set_up: impl Fn(WebRtcEngineBuilder) -> WebRtcEngineBuilder,
        cast: impl FnOnce(Party, Party) -> (Party, Party),
    ) -> Self {
        let a = Arc::new(set_up(world.engine_builder("a")).build());
        let b = Arc::new(world.engine("b"));
        let (a_out, b_in) = world.mail("a", "b", Path::delay_ms(50));
        let (b_out, a_in) = world.mail("b", "a", Path::delay_ms(50));
        let log = |world: &World| {
            let world = world.clone();
            move |line: String| world.log(line)
        };
        let (party_a, at_a) = Party::new("a", a.clone(), (a_out, a_in), log(world));
        let (party_b, at_b) = Party::new("b", b.clone(), (b_out, b_in), log(world));
        let (mut party_a, party_b) = cast(party_a, party_b);
        let dialed = Instant::now();
        party_a.offer();
        let tasks = [tokio::spawn(party_a.run()), tokio::spawn(party_b.run())];
        Self { a, b, at_a, at_b, dialed, tasks }
    }

    /// Waits until media is up on both sides; `None` if it is not within 15 s.
    pub(crate) async fn up(&self) -> Option<Duration> {
        let both = async {
            let a = self.at_a.wait_up().await;
            let b = self.at_b.wait_up().await;
            a.max(b) - self.dialed
        };
        tokio::time::timeout(Duration::from_secs(15), both).await.ok()
    }

    /// From now on nobody at b takes what its engine hears.
    pub(crate) fn leave_b_alone(&self) {
        self.tasks[1].abort();
    }

    /// Drops both engines without closing them.
    pub(crate) async fn drop_engines(self) {
        for task in self.tasks {
            task.abort();
            // It holds the engine until it is gone.
            let _ = task.await;
        }
    }

    /// Closes both engines.
    pub(crate) async fn close(self) {
        for task in &self.tasks {
            task.abort();
        }
        self.a.close().await;
        self.b.close().await;
    }
}
