//! The window itself: taken, resized, given back whatever happens.

use portable_pty::CommandBuilder;

use crate::pty::{Pty, hub};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quitting_gives_the_terminal_back_as_it_was() {
    let hub = hub().await;
    let mut rider = Pty::phone(&hub, "rider", (80, 24), &[]);
    rider.until(&["● online"]);
    assert!(rider.is_taken());
    let taken = rider.line_settings();
    rider.press("q");
    assert!(rider.until_ended().success());
    let after = rider.line_settings();
    // Line mode and echo go together; ECHO is also a part of other names.
    assert!(!taken.contains("ICANON") && after.contains("ICANON"), "{taken} / {after}");
    assert_eq!(after, untouched());
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_hangs_up_and_leaves_cleanly() {
    let hub = hub().await;
    let mut rider = Pty::phone(&hub, "rider", (80, 24), &[]);
    let driver = Pty::phone(&hub, "driver", (80, 24), &["--answer"]);
    rider.until(&["> driver"]);
    rider.press("\r");
    rider.until(&["active"]);
    rider.press("\x03");
    assert!(rider.until_ended().success());
    assert_eq!(rider.line_settings(), untouched());
    driver.until(&["No call", "Call with rider"]);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_is_told_to_end_hangs_up_and_leaves_cleanly() {
    let hub = hub().await;
    for signal in ["TERM", "HUP", "INT"] {
        let mut rider = Pty::phone(&hub, "rider", (80, 24), &[]);
        let driver = Pty::phone(&hub, "driver", (80, 24), &["--answer"]);
        rider.until(&["> driver"]);
        rider.press("\r");
        rider.until(&["active"]);
        rider.signal(signal);
        assert!(rider.until_ended().success(), "{signal}");
        assert_eq!(rider.line_settings(), untouched(), "{signal}");
        driver.until(&["No call", "Call with rider"]);
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_screen_follows_the_size_of_the_window() {
    let hub = hub().await;
    let mut rider = Pty::phone(&hub, "rider", (80, 24), &[]);
    rider.until(&["● online", "No call", "Events"]);
    rider.resize(40, 20);
    rider.until_screen("the narrow screen", |screen| {
        screen.contains("Online (0)") && !screen.contains("No call")
    });
    rider.keep("11-resized-40x20");
    for (columns, rows) in [(5, 2), (1, 1), (200, 60)] {
        rider.resize(columns, rows);
    }
    rider.until(&["No call", "Events", "● online"]);
    rider.press("?");
    rider.until(&["hang up and quit (also Ctrl-C)"]);
    rider.keep("12-help-200x60");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_color_nothing_is_colored() {
    let hub = hub().await;
    let mut command = Pty::command(&hub.url(), "rider");
    command.env("NO_COLOR", "1");
    let rider = Pty::start("rider", command, (80, 24));
    rider.until(&["● online", "No call"]);
    let written = rider.written();
    for color in ["\x1b[31m", "\x1b[32m", "\x1b[36m", "\x1b[38;5;"] {
        assert!(!written.contains(color), "{color:?}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_in_words() {
    let mut rider = Pty::start("rider", Pty::command("http://127.0.0.1:1", "rider"), (80, 24));
    rider.until(&["✕ offline", "cargo run -p ringback-server", "cannot be reached"]);
    rider.keep("13-offline-80x24");
    rider.press("q");
    assert!(rider.until_ended().success());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_terminal_that_cannot_be_taken_is_given_back() {
    use std::process::Stdio;

    use portable_pty::{PtySize, native_pty_system};
    use rustix::fs::{Mode, OFlags, open};
    use rustix::termios::{Action, tcflow};

    use crate::pty::{LIMIT, line_settings, program, settings};

    let pair = native_pty_system().openpty(PtySize::default()).unwrap();
    let name = pair.master.tty_name().unwrap();
    let keys = open(name.as_path(), OFlags::RDONLY | OFlags::NOCTTY, Mode::empty()).unwrap();
    let screen =
        open(name.as_path(), OFlags::WRONLY | OFlags::NOCTTY | OFlags::NONBLOCK, Mode::empty()).unwrap();
    // Stopped, it takes the settings and refuses what is written.
    tcflow(&screen, Action::OOff).unwrap();
    let mut phone = tokio::process::Command::new(program());
    phone.args(["--server", "http://127.0.0.1:1", "--user", "rider", "--capture", "tone"]);
    phone.args(["--playback", "null"]).stdin(keys).stdout(screen).stderr(Stdio::null());
    for name in settings() {
        phone.env_remove(name);
    }
    let mut phone = phone.kill_on_drop(true).spawn().unwrap();
    let ended = tokio::time::timeout(LIMIT, phone.wait()).await;
    assert_eq!(ended.expect("it ends within 30 s").unwrap().code(), Some(1));
    assert_eq!(line_settings(&*pair.master), untouched());
}

/// The line settings of a terminal that nobody has touched.
fn untouched() -> String {
    let mut quiet = CommandBuilder::new("true");
    quiet.env("TERM", "dumb");
    Pty::start("nobody", quiet, (80, 24)).line_settings()
}
