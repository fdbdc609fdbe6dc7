//! The lines of a real phone, kept; what it reads comes from memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use clap::Parser as _;
use ringback::proto::{By, End};
use tokio::io::ReadBuf;
use tokio::sync::oneshot;

use super::*;
use crate::stage::{Stage, in_time};

#[tokio::test]
async fn a_call_that_came_before_anybody_listened_is_announced() {
    let stage = Stage::ringing().await;
    let went_well = talk(&stage, b"quit\n").await;
    assert!(went_well);
    assert_eq!(said("rider calls. Type answer or decline."), 1);
    assert_eq!(said("Ready."), 1);
}

#[tokio::test]
async fn what_was_looked_up_is_not_told_again_by_its_event() {
    let stage = Stage::ringing().await;
    let mut terminal = terminal(&stage);
    terminal.look(&stage.driver).await;
    terminal.event(&stage.driver, Event::Signaling(SignalingHealth::Online)).await;
    let shown = stage.rings.snapshot();
    let (from, display, context) = (shown.peer, shown.display, shown.context);
    let incoming = Incoming { call: shown.call, from, verified: shown.verified, display, context };
    let event = CallEvent { call: shown.call, number: 1, kind: EventKind::Incoming(incoming) };
    terminal.event(&stage.driver, Event::Call(event)).await;
    assert_eq!((said("Ready."), said("rider calls.")), (1, 1));
}

#[tokio::test]
async fn a_call_that_came_early_is_answered_muted_if_that_was_asked_for() {
    let stage = Stage::ringing().await;
    let args = Args::parse_from(["phone", "--answer", "--muted"]);
    let answered = async {
        let mut state = stage.rings.watch();
        // It ends with the phone, which the test holds.
        let _ = state.wait_for(|call| call.muted && call.state != CallState::Ringing).await;
    };
    in_time(converse(args, stage.ready(), Report::kept(false), tokio::io::empty(), answered)).await;
    assert!(!matches!(stage.rings.state(), CallState::Ended(_)));
}

#[tokio::test]
async fn a_call_whose_end_was_lost_in_a_gap_is_over() {
    let stage = Stage::ringing().await;
    let mut terminal = terminal(&stage);
    terminal.look(&stage.driver).await;
    assert!(!terminal.event(&stage.driver, Event::Lagged(Vec::new())).await);
    stage.placed.hang_up();
    in_time(stage.rings.ended()).await;
    assert!(terminal.event(&stage.driver, Event::Lagged(Vec::new())).await);
    assert!(terminal.call.is_none());
    // The gap may lie before the end.
    let end = CallState::Ended(End { reason: EndReason::Cancelled, by: By::Remote });
    let event = CallEvent { call: stage.rings.id(), number: 9, kind: EventKind::State(end) };
    assert!(!terminal.event(&stage.driver, Event::Call(event)).await);
    assert_eq!(said("Ended: "), 1);
}

#[tokio::test]
async fn a_phone_that_was_to_place_a_call_leaves_if_it_cannot() {
    let stage = Stage::ringing().await;
    let args = Args::parse_from(["phone", "--call", "not a name"]);
    let stop = std::future::pending();
    // Nothing is typed, and the input stays open.
    let (_open, input) = tokio::io::duplex(1);
    assert!(!in_time(converse(args, stage.ready(), Report::kept(false), input, stop)).await);
    assert_eq!(said("Not done: "), 1);
}

#[tokio::test]
async fn a_command_that_is_refused_is_no_reason_to_leave() {
    let stage = Stage::ringing().await;
    assert!(!talk(&stage, b"call not a name\nonline\nquit\n").await);
    assert_eq!((said("Not done: "), said("Nobody shows up as online.")), (1, 1));
}

#[tokio::test]
async fn bytes_that_are_no_text_are_no_command() {
    let stage = Stage::ringing().await;
    assert!(talk(&stage, b"\xff\xfe\nonline\nquit\n").await);
    assert_eq!((said("Commands: "), said("Nobody shows up as online.")), (1, 1));
}

#[tokio::test]
async fn an_input_that_breaks_leaves_the_call_alone() {
    let stage = Stage::ringing().await;
    let args = Args::parse_from(["phone"]);
    let (broke, seen) = oneshot::channel();
    let stop = async {
        // It is sent before the input fails.
        let _ = seen.await;
    };
    let went_well =
        in_time(converse(args, stage.ready(), Report::kept(false), Broken(Some(broke)), stop)).await;
    assert!(went_well);
    assert!(!matches!(stage.rings.state(), CallState::Ended(_)));
}

/// Reads this input to its `quit`.
async fn talk(stage: &Stage, input: &[u8]) -> bool {
    let args = Args::parse_from(["phone"]);
    in_time(converse(args, stage.ready(), Report::kept(false), input, std::future::pending())).await
}

fn terminal(stage: &Stage) -> Terminal {
    Terminal::new(&Args::parse_from(["phone"]), Report::kept(false), stage.ready().online)
}

/// How many lines have this in them.
fn said(text: &str) -> usize {
    Report::said().iter().filter(|line| line.contains(text)).count()
}

/// An input that fails, and says so first.
struct Broken(Option<oneshot::Sender<()>>);

impl AsyncRead for Broken {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(broke) = self.0.take() {
            broke.send(()).unwrap();
        }
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }
}
