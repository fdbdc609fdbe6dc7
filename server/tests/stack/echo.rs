//! A native phone calls the echo bot: it hears itself, and the figures tell of the call.

use std::f32::consts::TAU;
use std::time::Duration;

use ringback::audio::tap::{CaptureTap, PlaybackTap, capture_tap, playback_tap};
use ringback::audio::{CaptureFrom, FRAME, PlaybackTo, RATE_HZ};
use ringback::proto::EndReason;
use ringback::proto::call::CallState;
use ringback_server::{EchoConfig, RunningStack, SeenState, StackConfig};
use serde_json::json;

use super::client::{close, get, phone, quiet, start, until, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_hears_the_greeting_and_then_itself() {
    let stack = online(EchoConfig::default()).await;
    let (mut says, capture) = capture_tap();
    let (mut hears, playback) = playback_tap();
    let caller = phone(&stack, "rider", CaptureFrom::Tap(capture), PlaybackTo::Tap(playback)).await;
    let call = caller.call("echo").await.unwrap();
    assert_eq!(within(call.wait_for(|state| *state == CallState::Active)).await, CallState::Active);

    assert!(listen(&mut hears, 660.0).await > MOST);
    assert!(listen(&mut hears, 990.0).await > MOST);
    say(&mut says, 440.0, RATE_HZ as usize);
    assert!(listen(&mut hears, 440.0).await > MOST);

    call.hang_up();
    within(call.ended()).await;
    close(caller).await;
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_follow_a_call() {
    let stack = online(EchoConfig::default()).await;
    let caller = phone(&stack, "rider", CaptureFrom::Silence, PlaybackTo::Null).await;
    let call = caller.call("echo").await.unwrap();
    within(call.wait_for(|state| *state == CallState::Active)).await;
    until("the call is seen as active", async || {
        stack.snapshot().calls.calls.iter().any(|seen| seen.state == SeenState::Active)
    })
    .await;

    let status = get(stack.addr(), "/status").await.json();
    assert_eq!(status["version"], json!(env!("CARGO_PKG_VERSION")));
    assert_eq!(status["sockets"], json!(2));
    let seen = &status["calls"][0];
    assert_eq!(
        (&seen["from"], &seen["to"], &seen["state"]),
        (&json!("rider"), &json!("echo"), &json!("active"))
    );
    assert_eq!(seen["call"], json!(call.id().to_string()));
    assert_eq!(status["echo"]["calls"], json!(1));
    assert_eq!(status["echo"]["online"], json!(true));
    assert!(status["deliveries"]["delivered"].as_u64().unwrap() >= 4, "{status}");
    assert_eq!(status["deliveries"]["unseen"], json!(0));
    let metrics = get(stack.addr(), "/metrics").await.body;
    for line in [
        "ringback_sockets 2",
        r#"ringback_calls{state="active"} 1"#,
        r#"ringback_calls{state="ringing"} 0"#,
        "ringback_echo_calls 1",
        "ringback_echo_answered_total 1",
        "# TYPE ringback_deliveries counter",
        "# HELP ringback_sockets Open websockets",
    ] {
        assert!(metrics.lines().any(|known| known == line), "no line {line} in\n{metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"));

    call.hang_up();
    within(call.ended()).await;
    until("the end is counted", async || stack.snapshot().calls.ended.get("hung_up") == Some(&1)).await;
    until("the bot is free", async || stack.snapshot().echo.is_some_and(|echo| echo.calls == 0)).await;
    assert_eq!(get(stack.addr(), "/status").await.json()["calls"], json!([]));
    close(caller).await;
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bot_talks_to_several_callers_and_tells_the_next_that_it_is_busy() {
    let stack = online(EchoConfig { lines: 2, ..EchoConfig::default() }).await;
    let mut callers = Vec::new();
    for user in ["one", "two"] {
        let caller = phone(&stack, user, CaptureFrom::Silence, PlaybackTo::Null).await;
        let call = caller.call("echo").await.unwrap();
        assert_eq!(within(call.wait_for(|state| *state == CallState::Active)).await, CallState::Active);
        callers.push((caller, call));
    }
    let third = phone(&stack, "three", CaptureFrom::Silence, PlaybackTo::Null).await;
    let refused = third.call("echo").await.unwrap();
    assert_eq!(within(refused.ended()).await.reason, EndReason::Busy);

    for (caller, call) in callers {
        call.hang_up();
        within(call.ended()).await;
        close(caller).await;
    }
    until("a line is free", async || stack.snapshot().echo.is_some_and(|echo| echo.calls == 0)).await;
    let call = third.call("echo").await.unwrap();
    assert_eq!(within(call.wait_for(|state| *state == CallState::Active)).await, CallState::Active);
    close(third).await;
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_lasts_too_long_is_ended() {
    let stack = online(EchoConfig { call_limit: Duration::from_secs(1), ..EchoConfig::default() }).await;
    let caller = phone(&stack, "rider", CaptureFrom::Silence, PlaybackTo::Null).await;
    let call = caller.call("echo").await.unwrap();
    assert_eq!(within(call.ended()).await.reason, EndReason::HungUp);
    close(caller).await;
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_stops_hangs_up_its_calls() {
    let stack = online(EchoConfig::default()).await;
    let caller = phone(&stack, "rider", CaptureFrom::Silence, PlaybackTo::Null).await;
    let call = caller.call("echo").await.unwrap();
    within(call.wait_for(|state| *state == CallState::Active)).await;
    stack.stop().await;
    assert_eq!(within(call.ended()).await.reason, EndReason::HungUp);
    close(caller).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bot_comes_back_after_a_restart_of_the_hub_and_answers() {
    let stack = online(EchoConfig::default()).await;
    stack.hub().kick_all(1012);
    let caller = phone(&stack, "rider", CaptureFrom::Silence, PlaybackTo::Null).await;
    let call = caller.call("echo").await.unwrap();
    assert_eq!(within(call.wait_for(|state| *state == CallState::Active)).await, CallState::Active);
    close(caller).await;
    stack.stop().await;
}

/// A stack whose echo bot can be called.
async fn online(echo: EchoConfig) -> RunningStack {
    let stack = start(StackConfig { echo: Some(echo), ..quiet() }).await;
    until("the echo bot is online", async || stack.snapshot().echo.is_some_and(|echo| echo.online)).await;
    stack
}

/// Waits until most of what is heard in 50 ms is this tone; says how much of it.
async fn listen(tap: &mut PlaybackTap, frequency_hz: f32) -> f32 {
    let mut window: Vec<f32> = Vec::new();
    let mut buffer = [0.0; FRAME];
    let mut best: f32 = 0.0;
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    let all = async {
        while best <= MOST {
            tick.tick().await;
            while best <= MOST && tap.waiting() >= FRAME {
                tap.try_read(&mut buffer);
                window.extend(buffer);
                window.drain(..window.len().saturating_sub(WINDOW));
                let energy: f32 = window.iter().map(|sample| sample * sample).sum();
                if window.len() == WINDOW && energy / WINDOW as f32 > LOUD {
                    best = best.max(power(&window, frequency_hz) / energy);
                }
            }
        }
    };
    if tokio::time::timeout(Duration::from_secs(30), all).await.is_err() {
        panic!(
            "no tone of {frequency_hz} Hz within 30 s, at most {best} of what is heard; {} lost",
            tap.dropped()
        );
    }
    best
}

/// The energy of a frequency in the window, comparable with the sum of squares.
fn power(window: &[f32], frequency_hz: f32) -> f32 {
    let (mut re, mut im) = (0.0, 0.0);
    for (at, sample) in window.iter().enumerate() {
        let phase = (at as f32 * frequency_hz / RATE_HZ as f32).fract() * TAU;
        re += sample * phase.cos();
        im += sample * phase.sin();
    }
    2.0 * (re * re + im * im) / window.len() as f32
}

fn say(tap: &mut CaptureTap, frequency_hz: f32, samples: usize) {
    let tone: Vec<f32> = (0..samples)
        .map(|at| 0.3 * ((at as f32 * frequency_hz / RATE_HZ as f32).fract() * TAU).sin())
        .collect();
    tap.try_write(&tone);
}

/// 50 ms.
const WINDOW: usize = RATE_HZ as usize / 20;
/// Of the energy: more than any other sound has.
const MOST: f32 = 0.6;
/// -40 dBFS, as mean of squares.
const LOUD: f32 = 0.0001;
