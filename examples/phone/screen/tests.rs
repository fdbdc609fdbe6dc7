//! The loop of the screen with a real phone, drawn into memory.

use clap::Parser as _;
use ratatui::backend::TestBackend;
use ringback::audio::{AudioDeviceId, DeviceChoice, DeviceKind};
use tokio::sync::oneshot;

use super::*;
use crate::stage::{Stage, in_time};

#[tokio::test]
async fn a_call_that_came_early_is_answered_muted_if_that_was_asked_for() {
    let stage = Stage::ringing().await;
    let args = Args::parse_from(["phone", "--answer", "--muted"]);
    let (leave, stop) = oneshot::channel::<()>();
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let shown = show(&args, stage.ready(), &mut terminal, futures_util::stream::pending(), async {
        // It comes at the end of the test.
        let _ = stop.await;
    });
    let answered = async {
        let mut state = stage.rings.watch();
        state.wait_for(|call| call.muted && call.state != CallState::Ringing).await.unwrap();
        leave.send(()).unwrap();
    };
    let (shown, ()) = in_time(async { tokio::join!(shown, answered) }).await;
    shown.unwrap();
    assert!(!matches!(stage.rings.state(), CallState::Ended(_)));
}

#[tokio::test]
async fn a_call_that_came_early_and_is_over_is_no_end_of_the_phone() {
    let stage = Stage::ringing().await;
    let args = Args::parse_from(["phone"]);
    let mut model = Model::new(stage.driver.user().clone(), "", None);
    stage.placed.hang_up();
    in_time(stage.rings.ended()).await;
    let mut questions = JoinSet::new();
    let wish = Wish::Accept(stage.rings.id());
    let refused = act(&args, &stage.driver, &mut model, &mut questions, wish).await;
    assert_eq!(refused.unwrap_err().to_string(), "the call is over");
}

#[tokio::test]
async fn a_device_is_marked_as_chosen_only_once_it_is() {
    let stage = Stage::ringing().await;
    let args = Args::parse_from(["phone"]);
    let mut model = Model::new(stage.driver.user().clone(), "", None);
    let mut questions = JoinSet::new();
    for (id, found) in [("tone", true), ("gone", false)] {
        let choice = DeviceChoice::Id(AudioDeviceId(id.into()));
        let wish = Wish::Choose(DeviceKind::Capture, choice);
        act(&args, &stage.driver, &mut model, &mut questions, wish).await.unwrap();
        let answer = in_time(questions.join_next()).await.unwrap().unwrap().unwrap();
        assert_eq!(matches!(answer, Input::Chosen(DeviceKind::Capture, _)), found, "{answer:?}");
        assert_eq!(matches!(answer, Input::Refused(_)), !found, "{answer:?}");
    }
}
