//! A signaling end with bounded waits, and hubs that refuse quickly.

use std::sync::Arc;
use std::time::Duration;

use ringback::proto::{CallId, MessageId, UserId};
use ringback::signaling::supabase::SupabaseSignaling;
use ringback::signaling::{
    OfflineWhy, Outgoing, Signaling, SignalingEvent, SignalingHealth, StaticToken, To, Token,
};
use ringback_server::{DEMO_KEY, Hub, HubConfig, RunningHub};

/// One end.
pub(crate) struct Phone {
    pub(crate) signaling: SupabaseSignaling,
    /// Whether `Down` was seen by a wait for something else.
    pub(crate) went_down: bool,
}

impl Phone {
    pub(crate) fn public(url: &str, name: &str) -> Self {
        Self::new(SupabaseSignaling::public(url, DEMO_KEY, user(name)).start().unwrap())
    }

    pub(crate) fn private(hub: &RunningHub, name: &str) -> Self {
        let token = hub.mint(name, Duration::from_secs(600)).unwrap();
        Self::with_token(&hub.url(), name, Arc::new(StaticToken::new(token)))
    }

    pub(crate) fn with_token(url: &str, name: &str, token: Arc<dyn Token>) -> Self {
        Self::new(SupabaseSignaling::private(url, DEMO_KEY, user(name), token).start().unwrap())
    }

    pub(crate) fn new(signaling: SupabaseSignaling) -> Self {
        Self { signaling, went_down: false }
    }

    pub(crate) async fn until_up(&mut self) {
        self.until("up", |event| matches!(event, SignalingEvent::Up { .. })).await;
    }

    pub(crate) async fn until_down(&mut self) {
        self.until("down", |event| matches!(event, SignalingEvent::Down)).await;
    }

    pub(crate) async fn until_offline(&mut self, wanted: OfflineWhy) {
        let offline = |event: &SignalingEvent| matches!(event, SignalingEvent::Health(SignalingHealth::Offline { why, .. }) if *why == wanted);
        self.until(&format!("{wanted:?}"), offline).await;
    }

    pub(crate) async fn until_message(&mut self) -> (Option<Duration>, String) {
        let event = self.until("a message", |event| matches!(event, SignalingEvent::Message { .. })).await;
        let SignalingEvent::Message { age, text } = event else { unreachable!("just matched") };
        (age, text)
    }

    pub(crate) async fn until(
        &mut self,
        what: &str,
        wanted: impl Fn(&SignalingEvent) -> bool,
    ) -> SignalingEvent {
        let found = tokio::time::timeout(Duration::from_secs(30), async {
            loop {
                let event = self.signaling.next().await;
                self.went_down |= event == SignalingEvent::Down;
                if wanted(&event) {
                    return event;
                }
                assert_ne!(event, SignalingEvent::Closed, "closed while waiting for {what}");
            }
        });
        found.await.unwrap_or_else(|_| panic!("{what} did not come within 30 s"))
    }

    pub(crate) async fn say(&self, to: &str, text: &str) {
        self.signaling.send(message(to, text)).await.unwrap();
    }
}

/// A hub that refuses at once: the waits of the real one are tested in the server's own tests.
pub(crate) fn quick() -> HubConfig {
    HubConfig {
        join_refusal_stall: Duration::from_millis(20),
        connect_refusal_delay: Duration::ZERO,
        ..HubConfig::default()
    }
}

pub(crate) async fn quick_hub() -> RunningHub {
    Hub::start(quick()).await.unwrap()
}

pub(crate) fn message(to: &str, text: &str) -> Outgoing {
    Outgoing {
        id: MessageId::from_random([1; 16]),
        call: CallId::from_random([2; 16]),
        kind: "invite",
        to: To { user: user(to), device: None, instance: None },
        ttl: Duration::from_secs(30),
        text: text.into(),
    }
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}
