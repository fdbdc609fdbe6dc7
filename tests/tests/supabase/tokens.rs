//! Tokens: refused, refreshed, expired, gone.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use ringback::BoxFuture;
use ringback::signaling::{OfflineWhy, StaticToken, Token, TokenAnswer, TokenWhy, UserToken};
use ringback_server::{Hub, HubConfig};
use tokio::sync::watch;

use crate::phone::{Phone, quick, quick_hub};

#[tokio::test]
async fn a_refused_token_is_told_and_a_good_one_brings_it_up() {
    let hub = quick_hub().await;
    let good = hub.mint("rider", Duration::from_secs(600)).unwrap();
    let script = Script::new(vec![token("forged"), token("forged"), token(&good)]);
    let mut rider = Phone::with_token(&hub.url(), "rider", script.clone());
    rider.until_offline(OfflineWhy::TokenRefused).await;
    rider.until_up().await;
    assert_eq!(script.asked(), [TokenWhy::First, TokenWhy::Refused, TokenWhy::Refused]);
    hub.stop().await;
}

#[tokio::test]
async fn a_token_of_another_secret_is_refused() {
    let hub = quick_hub().await;
    let other = Hub::start(HubConfig { jwt_secret: "another".into(), ..quick() }).await.unwrap();
    let foreign = other.mint("rider", Duration::from_secs(600)).unwrap();
    let mut rider = Phone::with_token(&hub.url(), "rider", Arc::new(StaticToken::new(foreign)));
    rider.until_offline(OfflineWhy::TokenRefused).await;
    hub.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn the_inbox_of_somebody_else_is_not_allowed() {
    let hub = quick_hub().await;
    let token = hub.mint("mallory", Duration::from_secs(600)).unwrap();
    let mut spy = Phone::with_token(&hub.url(), "driver", Arc::new(StaticToken::new(token)));
    spy.until_offline(OfflineWhy::NotAllowed).await;
    hub.stop().await;
}

#[tokio::test]
async fn a_token_is_refreshed_at_half_of_its_life_and_the_channel_stays() {
    let hub = quick_hub().await;
    let minted = Minting::new(&hub, "rider");
    let mut rider = Phone::with_token(&hub.url(), "rider", minted.clone());
    rider.until_up().await;
    // Every 2 s from the second on: beyond the life of the first.
    minted.until_asked(5).await;
    let mut driver = Phone::private(&hub, "driver");
    driver.until_up().await;
    driver.say("rider", "{}").await;
    rider.until_message().await;
    assert!(!rider.went_down);
    hub.stop().await;
}

#[tokio::test]
async fn a_token_that_expires_unnoticed_is_replaced_and_the_channel_comes_back() {
    let hub = quick_hub().await;
    // Long enough for a slow machine to join with it.
    let short = hub.mint("rider", Duration::from_secs(6)).unwrap();
    let long = hub.mint("rider", Duration::from_secs(600)).unwrap();
    // The app claims a long life for both.
    let script = Script::new(vec![token(&short), token(&long)]);
    let mut rider = Phone::with_token(&hub.url(), "rider", script.clone());
    rider.until_up().await;
    rider.until_offline(OfflineWhy::TokenRefused).await;
    rider.until_up().await;
    assert_eq!(script.asked(), [TokenWhy::First, TokenWhy::Refused]);
    hub.stop().await;
}

#[tokio::test]
async fn a_provider_without_a_token_is_told_and_asked_again() {
    let hub = quick_hub().await;
    let good = hub.mint("rider", Duration::from_secs(600)).unwrap();
    let script = Script::new(vec![TokenAnswer::Retry, token(&good)]);
    let mut rider = Phone::with_token(&hub.url(), "rider", script);
    rider.until_offline(OfflineWhy::TokenMissing).await;
    rider.until_up().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_user_who_signed_out_is_told() {
    let hub = quick_hub().await;
    let mut rider = Phone::with_token(&hub.url(), "rider", Script::new(vec![TokenAnswer::SignedOut]));
    rider.until_offline(OfflineWhy::SignedOut).await;
    hub.stop().await;
}

/// Gives one answer after the other, the last one for ever.
struct Script {
    answers: Vec<TokenAnswer>,
    asked: Mutex<Vec<TokenWhy>>,
}

impl Script {
    fn new(answers: Vec<TokenAnswer>) -> Arc<Self> {
        Arc::new(Self { answers, asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<TokenWhy> {
        self.asked.lock().unwrap().clone()
    }
}

impl Token for Script {
    fn token(&self, why: TokenWhy) -> BoxFuture<'_, TokenAnswer> {
        let mut asked = self.asked.lock().unwrap();
        let answer = self.answers[asked.len().min(self.answers.len() - 1)].clone();
        asked.push(why);
        Box::pin(async move { answer })
    }
}

/// Signs a new token whenever it is asked.
struct Minting {
    tokens: Vec<String>,
    asked: watch::Sender<usize>,
}

impl Minting {
    fn new(hub: &ringback_server::RunningHub, user: &str) -> Arc<Self> {
        // Signed beforehand, the first for 6 s and each for 2 s more than the one before. They are told to live for
        // 4 s, so each is replaced 4 s before its end.
        let tokens = (0..12).map(|n| hub.mint(user, Duration::from_secs(6 + 2 * n)).unwrap()).collect();
        Arc::new(Self { tokens, asked: watch::Sender::new(0) })
    }

    async fn until_asked(&self, times: usize) {
        let mut asked = self.asked.subscribe();
        let waited = tokio::time::timeout(Duration::from_secs(30), asked.wait_for(|&asked| asked >= times));
        waited.await.expect("not asked within 30 s").unwrap();
    }
}

impl Token for Minting {
    fn token(&self, _why: TokenWhy) -> BoxFuture<'_, TokenAnswer> {
        let asked = *self.asked.borrow();
        self.asked.send_replace(asked + 1);
        let secret = self.tokens[asked.min(self.tokens.len() - 1)].clone();
        let answer = TokenAnswer::Token(UserToken { secret, expires_in: Duration::from_secs(4) });
        Box::pin(async move { answer })
    }
}

fn token(secret: &str) -> TokenAnswer {
    TokenAnswer::Token(UserToken { secret: secret.into(), expires_in: Duration::from_secs(3600) })
}
