//! The screen as a person sees it: drawn into memory at 80x24 and 40x20, and read as text.

use crossterm::event::{KeyCode, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ringback::audio::{AudioDeviceId, DeviceError};
use ringback::diagnose::{Check, DeviceFinding};
use ringback::media::{PathKind, SelectedPath};
use ringback::proto::call::Incoming;
use ringback::proto::{By, DeviceId, End, EndReason};
use ringback::signaling::OfflineWhy;

use super::*;
use crate::view::{Theme, draw};

mod meanwhile;

#[test]
fn the_first_screen_shows_who_is_online_and_marks_the_echo_bot() {
    let model = online();
    for (width, height) in SIZES {
        let screen = shown(&model, width, height);
        for text in ["rider", "online", "Online (2)", "driver", "echo", "plays back", "Enter call"] {
            assert!(screen.contains(text), "{width}x{height}: {text} is missing\n{screen}");
        }
    }
}

#[test]
fn enter_calls_the_chosen_row() {
    let mut model = online();
    assert_eq!(press(&mut model, KeyCode::Enter), [Wish::Call("driver".into())]);
    press(&mut model, KeyCode::Down);
    assert_eq!(press(&mut model, KeyCode::Enter), [Wish::Call("echo".into())]);
    press(&mut model, KeyCode::Down);
    assert_eq!(press(&mut model, KeyCode::Enter), [Wish::Call("echo".into())]);
}

#[test]
fn the_choice_stays_with_its_person_when_the_list_changes() {
    let mut model = online();
    press(&mut model, KeyCode::Down);
    model.update(Input::Online(vec![
        person("ana", 8, "browser"),
        person("driver", 2, "terminal"),
        person("echo", 3, "echo"),
    ]));
    assert_eq!(press(&mut model, KeyCode::Enter), [Wish::Call("echo".into())]);
    model.update(Input::Online(Vec::new()));
    assert!(press(&mut model, KeyCode::Enter).is_empty());
    assert_eq!(model.over, Over::Typing(String::new()));
}

#[test]
fn two_devices_of_a_user_are_one_row() {
    let mut model = online();
    model.update(Input::Online(vec![person("driver", 2, "browser"), person("driver", 4, "terminal")]));
    let screen = shown(&model, 80, 24);
    assert!(screen.contains("Online (1)") && screen.contains("browser, terminal"), "{screen}");
}

#[test]
fn a_device_that_does_not_open_is_told_before_any_call() {
    let mut model = online();
    for (kind, way_out) in
        [(DeviceKind::Capture, "--capture tone."), (DeviceKind::Playback, "--playback null.")]
    {
        let check = Check::Device { kind, finding: DeviceFinding::Failed(DeviceError::InUse) };
        model.update(Input::Trouble(Trouble { kind, check }));
        let screen = shown(&model, 80, 24);
        assert!(screen.contains("cannot be opened. Another program") && screen.contains(way_out), "{screen}");
    }
}

#[test]
fn a_name_can_be_typed_and_pasted() {
    let mut model = online();
    press(&mut model, KeyCode::Char('c'));
    for c in "an a!".chars() {
        press(&mut model, KeyCode::Char(c));
    }
    model.update(Input::Paste("\u{1b}[31m-x\n".into()));
    press(&mut model, KeyCode::Backspace);
    let screen = shown(&model, 40, 20);
    assert!(screen.contains("Whom to call?") && screen.contains("> ana31m-"), "{screen}");
    assert_eq!(press(&mut model, KeyCode::Enter), [Wish::Call("ana31m-".into())]);
    assert_eq!(model.over, Over::Nothing);
}

#[test]
fn an_incoming_call_asks_to_accept_or_decline() {
    let mut model = ringing();
    for (width, height) in SIZES {
        let screen = shown(&model, width, height);
        for text in ["driver calls you", "a  Accept", "d  Decline", "as \"Bob?[31m\""] {
            assert!(screen.contains(&text.replace('?', "\u{fffd}")), "{width}x{height}: {text}\n{screen}");
        }
    }
    assert_eq!(press(&mut model, KeyCode::Char('d')), [Wish::Decline(call())]);
    assert_eq!(press(&mut model, KeyCode::Char('h')), [Wish::Decline(call())]);
    assert_eq!(press(&mut model, KeyCode::Char('a')), [Wish::Accept(call())]);
    assert_eq!(press(&mut model, KeyCode::Enter), [Wish::Accept(call())]);
}

#[test]
fn a_call_shows_time_levels_quality_and_devices() {
    let model = talking();
    for (width, height) in SIZES {
        let screen = shown(&model, width, height);
        for text in [
            "driver  active  1:05",
            "You",
            "They",
            "-20 dB",
            "silent",
            "Quality good, directly, on this network",
            "RTT 12 ms  loss 1.0 %  jitter 3 ms",
            "24 kbit/s out, 23 in  concealed 0.4 s",
            "Microphone tone",
            "Speaker    null",
            "h hang up",
        ] {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(wrapped(&screen).contains(&text), "{width}x{height}: {text}\n{screen}");
        }
    }
}

#[test]
fn levels_fall_to_silence_when_none_come() {
    let mut model = talking();
    assert!(shown(&model, 80, 24).contains("-20 dB"));
    model.update(Input::Tick(model.now + Duration::from_secs(1)));
    assert!(!shown(&model, 80, 24).contains("-20 dB"));
}

#[test]
fn mute_and_hold_are_shown_and_taken_back() {
    let mut model = talking();
    assert_eq!(press(&mut model, KeyCode::Char('m')), [Wish::Mute(call(), true)]);
    model.update(Input::Calls(vec![CallSnapshot { muted: true, held: true, ..snapshot(CallState::Active) }]));
    let screen = shown(&model, 80, 24);
    assert!(
        screen.contains("on hold, you are muted")
            && screen.contains("m unmute")
            && screen.contains("o resume"),
        "{screen}"
    );
    assert_eq!(press(&mut model, KeyCode::Char('m')), [Wish::Mute(call(), false)]);
    assert_eq!(press(&mut model, KeyCode::Char('o')), [Wish::Hold(call(), false)]);
    happen(&mut model, EventKind::PeerMedia { muted: true, held: false, recording: false });
    assert!(shown(&model, 80, 24).contains("they are muted"));
}

#[test]
fn every_end_is_explained() {
    for reason in EndReason::all() {
        let mut model = talking();
        happen(
            &mut model,
            EventKind::State(CallState::Ended(End { reason: reason.clone(), by: By::Remote })),
        );
        let screen = wrapped(&shown(&model, 80, 24));
        let words = reason.explain(ringback::proto::Language::En);
        let start: String = words.split(' ').take(2).collect::<Vec<_>>().join(" ");
        assert!(
            screen.contains("Call with driver, 1:05:") && screen.contains(&start),
            "{reason:?}\n{screen}"
        );
        assert!(model.talk.is_none() && !shown(&model, 40, 20).contains("active"));
    }
}

#[test]
fn devices_are_listed_and_chosen() {
    let mut model = talking();
    assert_eq!(press(&mut model, KeyCode::Char('s')), [Wish::ListDevices]);
    model.update(Input::Devices(vec![
        device("built-in", DeviceKind::Capture),
        device("usb", DeviceKind::Playback),
    ]));
    for (width, height) in SIZES {
        let screen = shown(&model, width, height);
        for text in ["Sound", "(x) the system's default", "( ) built-in", "( ) usb"] {
            assert!(screen.contains(text), "{width}x{height}: {text}\n{screen}");
        }
    }
    press(&mut model, KeyCode::Down);
    let (kind, built_in) = (DeviceKind::Capture, DeviceChoice::Id(AudioDeviceId("built-in".into())));
    assert_eq!(press(&mut model, KeyCode::Enter), [Wish::Choose(kind, built_in.clone())]);
    // It may be gone, or the sound system may hang.
    model.update(Input::Refused("the sound system does not answer".into()));
    assert!(shown(&model, 80, 24).contains("( ) built-in"));
    model.update(Input::Chosen(kind, built_in));
    assert!(shown(&model, 80, 24).contains("(x) built-in"));
    press(&mut model, KeyCode::Esc);
    assert_eq!(model.over, Over::Nothing);
}

#[test]
fn being_offline_says_why_and_what_to_do() {
    let mut model = Model::new(user("rider"), "http://127.0.0.1:4000", None);
    let (why, retry_in) = (OfflineWhy::Unreachable, Duration::from_secs(2));
    model.update(Input::Health(SignalingHealth::Offline { why, retry_in }));
    for (width, height) in SIZES {
        let screen = wrapped(&shown(&model, width, height));
        for text in ["offline", "cannot be reached", "cargo run -p ringback-server"] {
            assert!(screen.contains(text), "{width}x{height}: {text}\n{screen}");
        }
    }
}

#[test]
fn ctrl_c_and_q_quit_wherever_one_is() {
    for keys in ["", "c", "s", "?"] {
        let mut model = online();
        for c in keys.chars() {
            press(&mut model, KeyCode::Char(c));
        }
        let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(model.update(Input::Key(ctrl_c)), [Wish::Quit], "after {keys:?}");
    }
    assert_eq!(press(&mut talking(), KeyCode::Char('q')), [Wish::Quit]);
}

#[test]
fn no_size_and_no_state_panics() {
    let mut long = talking();
    long.update(Input::Note("x".repeat(500)));
    let mut help = online();
    press(&mut help, KeyCode::Char('?'));
    let mut devices = talking();
    press(&mut devices, KeyCode::Char('s'));
    for model in [&online(), &ringing(), &long, &help, &devices] {
        for width in [1, 2, 7, 20, 39, 59, 60, 200] {
            for height in [1, 2, 3, 5, 11, 12, 18, 60] {
                shown(model, width, height);
            }
        }
    }
}

#[test]
fn without_color_nothing_is_colored() {
    let model = talking();
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|frame| draw(frame, &model, Theme { color: false })).unwrap();
    let plain = ratatui::style::Color::Reset;
    assert!(terminal.backend().buffer().content().iter().all(|cell| cell.fg == plain && cell.bg == plain));
}

#[test]
fn the_log_is_bounded_and_the_newest_line_is_seen() {
    let mut model = online();
    for n in 0..1000 {
        model.update(Input::Note(format!("line {n}")));
    }
    assert_eq!(model.log.len(), LOG_LINES);
    assert!(shown(&model, 80, 24).contains("line 999"));
}

fn online() -> Model {
    let mut model = Model::new(user("rider"), "http://127.0.0.1:4000", Some("echo".into()));
    model.update(Input::Health(SignalingHealth::Online));
    let list = [("driver", 2, "terminal"), ("echo", 3, "echo"), ("rider", 1, "terminal")];
    model.update(Input::Online(list.map(|(name, number, app)| person(name, number, app)).into()));
    model
}

fn ringing() -> Model {
    let mut model = online();
    let ringing = CallSnapshot { direction: Direction::Incoming, ..snapshot(CallState::Ringing) };
    model.update(Input::Calls(vec![ringing]));
    happen(
        &mut model,
        EventKind::Incoming(Incoming {
            call: call(),
            from: user("driver"),
            verified: false,
            display: Some("Bob\u{1b}[31m".into()),
            context: None,
        }),
    );
    model.update(Input::Tick(model.now + Duration::from_secs(1)));
    model
}

fn talking() -> Model {
    let mut model = online();
    model.update(Input::Calls(vec![snapshot(CallState::Active)]));
    model.update(Input::Tick(Duration::from_secs(65)));
    for (kind, name) in [(DeviceKind::Capture, "tone"), (DeviceKind::Playback, "null")] {
        model.update(Input::Phone(Event::DeviceInUse { kind, name: Some(name.into()) }));
    }
    model.update(Input::Phone(Event::MicrophoneLevel { level_dbov: -20 }));
    let mut stats = CallStats::default();
    stats.network.packets_received = 99;
    stats.network.packets_lost = 1;
    stats.network.round_trip = Some(Duration::from_millis(12));
    stats.network.jitter = Duration::from_millis(3);
    (stats.network.sent_bps, stats.network.received_bps) = (24_000, 23_000);
    stats.network.path = Some(SelectedPath { local: PathKind::Host, remote: PathKind::Host });
    stats.sound.playout.concealed = Duration::from_millis(400);
    model.update(Input::Stats(call(), Box::new(stats)));
    model
}

fn happen(model: &mut Model, kind: EventKind) {
    model.update(Input::Phone(Event::Call(CallEvent { call: call(), number: 1, kind })));
}

fn press(model: &mut Model, code: KeyCode) -> Vec<Wish> {
    model.update(Input::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

/// The screen as lines of text.
fn shown(model: &Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, model, Theme { color: true })).unwrap();
    terminal.backend().to_string()
}

/// The words of the screen without frames and line breaks.
fn wrapped(screen: &str) -> String {
    let words = screen.replace(['│', '"', '┌', '┐', '└', '┘', '─'], " ");
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn snapshot(state: CallState) -> CallSnapshot {
    CallSnapshot {
        call: call(),
        direction: Direction::Outgoing,
        peer: user("driver"),
        verified: false,
        display: None,
        context: None,
        state,
        muted: false,
        held: false,
    }
}

fn person(name: &str, number: u8, app: &str) -> Online {
    Online { user: user(name), device: DeviceId::from_random([number; 16]), app: app.into() }
}

fn device(name: &str, kind: DeviceKind) -> AudioDevice {
    AudioDevice { id: AudioDeviceId(name.into()), name: name.into(), kind, is_default: true }
}

fn call() -> CallId {
    CallId::from_random([5; 16])
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

const SIZES: [(u16, u16); 2] = [(80, 24), (40, 20)];
