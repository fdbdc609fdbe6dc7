//! Calls between two phones, each in its own terminal.

use ringback_server::RunningHub;

use crate::pty::{Pty, hub};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_phones_see_each_other_call_talk_mute_hold_and_hang_up() {
    let hub = hub().await;
    let mut rider = Pty::phone(&hub, "rider", (80, 24), &[]);
    let mut driver = Pty::phone(&hub, "driver", (40, 20), &[]);
    rider.until(&["rider", "● online", "Online (1)", "> driver"]);
    driver.until(&["driver", "● online", "> rider"]);
    rider.keep("1-online-80x24");
    driver.keep("1-online-40x20");

    rider.press("\r");
    driver.until(&["rider calls you", "a Accept", "d Decline"]);
    driver.keep("2-incoming-40x20");
    rider.until(&["driver ringing"]);
    rider.keep("2-ringing-80x24");
    driver.press("a");
    for phone in [&rider, &driver] {
        // Each by itself: the clock runs on, and a busy machine may have another quality.
        phone.until(&["active"]);
        phone.until(&["Quality", "RTT", "Microphone tone", "Speaker null"]);
        // The other's tone, played: the meter moves.
        phone.until(&["They █", "You █"]);
    }
    rider.until(&["First sound from driver.", "kbit/s out"]);
    rider.keep("3-talking-80x24");
    driver.keep("3-talking-40x20");

    rider.press("m");
    rider.until(&["you are muted", "m unmute"]);
    driver.until(&["they are muted"]);
    driver.until_screen("silence from the muted side", |screen| !screen.contains("They █"));
    rider.keep("4-muted-80x24");
    rider.press("m");
    rider.until_screen("unmuted", |screen| !screen.contains("you are muted"));
    driver.until(&["They █"]);

    driver.press("o");
    driver.until(&["on hold"]);
    rider.until(&["they put you on hold"]);
    rider.keep("5-held-80x24");
    driver.press("o");
    rider.until_screen("resumed", |screen| !screen.contains("they put you on hold"));

    driver.press("h");
    rider.until(&["No call", "Call with driver"]);
    driver.until(&["Call with rider"]);
    rider.keep("6-ended-80x24");
    driver.keep("6-ended-40x20");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declined_and_a_cancelled_call_are_explained_on_both_screens() {
    let hub = hub().await;
    let (mut rider, mut driver) = pair(&hub);

    rider.press("c");
    rider.until(&["Whom to call?"]);
    rider.press("driver");
    // Once in the list, once where it is typed.
    rider.until_screen("the typed name", |screen| screen.matches("> driver").count() == 2);
    rider.keep("7-typing-80x24");
    rider.press("\r");
    driver.until(&["rider calls you", "d Decline"]);
    driver.press("d");
    rider.until(&["No call", "Call with driver:", "declined"]);
    driver.until(&["No call", "Call with rider:"]);
    rider.keep("8-declined-80x24");

    rider.press("\r");
    driver.until(&["rider calls you"]);
    rider.press("h");
    driver.until(&["No call"]);
    rider.until(&["No call"]);
    driver.keep("9-cancelled-80x24");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_comes_while_a_name_is_typed_waits_for_its_answer() {
    let hub = hub().await;
    let (mut rider, mut driver) = pair(&hub);
    rider.press("c");
    rider.until(&["Whom to call?"]);
    rider.press("m");
    driver.press("\r");
    rider.until(&["> m", "Esc driver calls you"]);
    rider.press("aradhq");
    rider.until(&["> maradhq"]);
    rider.keep("14-typing-while-it-rings-80x24");
    driver.until(&["rider ringing"]);
    rider.press("\x1b");
    rider.until(&["a Accept"]);
    rider.press("a");
    rider.until(&["active"]);
    driver.until(&["active"]);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_are_listed_and_chosen_during_a_call() {
    let hub = hub().await;
    let mut rider = Pty::phone(&hub, "rider", (80, 24), &[]);
    let driver = Pty::phone(&hub, "driver", (80, 24), &["--answer"]);
    rider.until(&["● online", "> driver"]);
    rider.press("\r");
    rider.until(&["active"]);
    driver.until(&["active"]);
    rider.press("s");
    rider.until(&["(x) the system's default", "( ) tone", "( ) null"]);
    rider.press("\x1b[B");
    rider.press("\r");
    rider.until(&["(x) tone"]);
    rider.keep("10-devices-80x24");
    rider.press("q");
    rider.until_screen("the call again", |screen| !screen.contains("(x) tone"));
    rider.until(&["You █"]);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_leaves_is_gone_from_the_list() {
    let hub = hub().await;
    let rider = Pty::phone(&hub, "rider", (80, 24), &[]);
    let mut driver = Pty::phone(&hub, "driver", (80, 24), &[]);
    rider.until(&["> driver"]);
    driver.press("q");
    assert!(driver.until_ended().success());
    rider.until(&["Online (0)", "Nobody else shows up."]);
    hub.stop().await;
}

/// Two phones that see each other.
fn pair(hub: &RunningHub) -> (Pty, Pty) {
    let rider = Pty::phone(hub, "rider", (80, 24), &[]);
    let driver = Pty::phone(hub, "driver", (80, 24), &[]);
    rider.until(&["● online", "> driver"]);
    driver.until(&["● online", "> rider"]);
    (rider, driver)
}
