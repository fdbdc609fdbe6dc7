//! The phone without a terminal: it prints lines and reads commands from a pipe.

use std::error::Error;

use ringback::audio::{AudioDevice, DeviceChoice, DeviceKind};
use ringback::proto::EndReason;
use ringback::proto::call::{CallState, Direction};
use ringback::signaling::SignalingHealth;
use ringback::signaling::supabase::Online;
use ringback::{Call, Event, Phone};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::watch;

use crate::args::Args;
use crate::report::{Report, now_ms};
use crate::setup::Ready;
use crate::sound;
use crate::stop::asked_to_stop;

/// True if every call ended the ordinary way.
pub(crate) async fn run(args: Args, ready: Ready, report: Report) -> Result<bool, Box<dyn Error>> {
    let Ready { phone, online, notes, mut trials, echo: _ } = ready;
    let mut stop = std::pin::pin!(asked_to_stop()?);
    for note in notes {
        report.hint(&note);
    }
    let (muted, answer) = (args.muted, args.answer);
    let mut terminal = Terminal { report, call: None, went_well: true, muted, answer, online };
    let mut events = phone.events();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut reads = true;
    let mut dial = args.call.clone();
    // It may have come online, and a call may have come, before anybody listened.
    for call in phone.calls() {
        terminal.incoming(call).await;
    }
    let online = *phone.signaling_health().borrow() == SignalingHealth::Online;
    if online {
        show_health(report, &SignalingHealth::Online);
    }
    if online && let Some(to) = dial.take() {
        terminal.place(&phone, &to).await;
    }
    let hang_up = tokio::time::sleep(FOREVER);
    tokio::pin!(hang_up);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            event = events.next() => match event {
                Some(Event::Call(event)) => {
                    report.event(event.call, &event.kind);
                    if let ringback::EventKind::State(CallState::Active) = event.kind
                        && let Some(after) = args.hang_up_after
                    {
                        hang_up.as_mut().reset(tokio::time::Instant::now() + after);
                    }
                    if terminal.call_event(&phone, &event).await && args.call.is_some() {
                        break;
                    }
                }
                Some(Event::Signaling(state)) => {
                    show_health(report, &state);
                    if state == SignalingHealth::Online && let Some(to) = dial.take() {
                        terminal.place(&phone, &to).await;
                    }
                }
                Some(Event::DeviceInUse { kind, name }) => report.device(kind, name.as_deref()),
                Some(Event::DeviceFailed { kind, error }) => report.device_failed(kind, &error),
                Some(Event::Lagged(_) | Event::MicrophoneLevel { .. }) => {}
                None => break,
            },
            line = lines.next_line(), if reads => match line? {
                Some(line) if line.trim() == "quit" => break,
                Some(line) => terminal.command(&phone, line.trim()).await,
                None => reads = false,
            },
            Some(tried) = trials.join_next() => {
                if let Ok(Some(trouble)) = tried {
                    report.trouble(&trouble);
                }
            }
            () = &mut hang_up => {
                hang_up.as_mut().reset(tokio::time::Instant::now() + FOREVER);
                terminal.hang_up().await;
            }
        }
    }
    drop(trials);
    phone.close();
    phone.closed().await;
    report.say("Closed.", json!({"event": "closed", "at_ms": now_ms()}));
    Ok(terminal.went_well)
}

/// The one call that the terminal talks about.
struct Terminal {
    report: Report,
    call: Option<Call>,
    went_well: bool,
    muted: bool,
    answer: bool,
    online: watch::Receiver<Vec<Online>>,
}

impl Terminal {
    async fn place(&mut self, phone: &Phone, to: &str) {
        match phone.call(to).await {
            Ok(call) => self.begin(call).await,
            Err(error) => {
                self.went_well = false;
                self.problem(&error);
            }
        }
    }

    async fn begin(&mut self, call: Call) {
        if self.muted
            && let Err(error) = call.set_muted(true).await
        {
            self.problem(&error);
        }
        self.call = Some(call);
    }

    async fn incoming(&mut self, call: Call) {
        if call.direction() != Direction::Incoming {
            return;
        }
        let accepted = if self.answer { call.accept().await } else { Ok(()) };
        match accepted {
            Ok(()) => self.begin(call).await,
            Err(error) => self.problem(&error),
        }
    }

    /// True if the terminal's call ended.
    async fn call_event(&mut self, phone: &Phone, event: &ringback::CallEvent) -> bool {
        if let ringback::EventKind::Incoming(_) = &event.kind {
            if let Some(call) = phone.calls().into_iter().find(|call| call.id() == event.call) {
                self.incoming(call).await;
            }
        }
        let ringback::EventKind::State(CallState::Ended(end)) = &event.kind else { return false };
        let ordinary = matches!(end.reason, EndReason::HungUp | EndReason::Declined | EndReason::Cancelled);
        self.went_well &= ordinary;
        let ours = self.call.as_ref().is_some_and(|call| call.id() == event.call);
        if ours
            && let Some(call) = self.call.take()
            && let Some(stats) = call.stats().await
        {
            self.report.stats(&stats);
        }
        ours
    }

    async fn command(&mut self, phone: &Phone, line: &str) {
        if let Some(to) = line.strip_prefix("call ") {
            return self.place(phone, to.trim()).await;
        }
        if line.is_empty() {
            return;
        }
        if let Some(device) = line.strip_prefix("use ") {
            return self.choose(phone, device.trim()).await;
        }
        match line {
            "online" => return self.report.online(&self.online.borrow()),
            "devices" => return self.list(phone).await,
            _ => {}
        }
        let Some(call) = self.call.clone() else {
            return self.report.hint("There is no call. Type call USER or quit.");
        };
        let done = match line {
            "answer" | "accept" => call.accept().await,
            "decline" => call.decline().await,
            "mute" => call.set_muted(true).await,
            "unmute" => call.set_muted(false).await,
            "hold" => call.set_held(true).await,
            "resume" => call.set_held(false).await,
            "hangup" => return self.hang_up().await,
            "stats" => return self.show_stats(&call).await,
            _ => {
                return self.report.hint(COMMANDS);
            }
        };
        if let Err(error) = done {
            self.problem(&error);
        }
    }

    async fn show_stats(&self, call: &Call) {
        match call.stats().await {
            Some(stats) => self.report.stats(&stats),
            None => self.report.hint("There is no connection yet."),
        }
    }

    async fn list(&self, phone: &Phone) {
        match sound::devices(phone).await {
            Ok(devices) => self.report.devices(&devices),
            Err(error) => self.problem(&error),
        }
    }

    /// `microphone 2`, `speaker default`: numbers as `devices` shows them.
    async fn choose(&self, phone: &Phone, what: &str) {
        let (kind, which) = match what.split_once(' ') {
            Some(("microphone" | "mic", which)) => (DeviceKind::Capture, which.trim()),
            Some(("speaker", which)) => (DeviceKind::Playback, which.trim()),
            Some(_) | None => {
                return self
                    .report
                    .hint("Type use microphone NUMBER or use speaker NUMBER, as devices lists them.");
            }
        };
        let devices = match sound::devices(phone).await {
            Ok(devices) => devices,
            Err(error) => return self.problem(&error),
        };
        let number = |device: &&AudioDevice| {
            let at = devices.iter().position(|other| other.id == device.id && other.kind == device.kind);
            at.is_some_and(|at| (at + 1).to_string() == which)
        };
        let of_kind = || devices.iter().filter(|device| device.kind == kind);
        let found = of_kind().find(number).or_else(|| of_kind().find(|device| device.id.0 == which));
        let choice = match found {
            Some(device) => DeviceChoice::Id(device.id.clone()),
            None if which == "default" => DeviceChoice::Default,
            None => return self.report.refused(&format!("there is no such device: {which}")),
        };
        match sound::choose(phone, kind, choice).await {
            Ok(()) => self.report.chosen(kind, found.map_or("the default", |device| &device.name)),
            Err(error) => self.problem(&error),
        }
    }

    async fn hang_up(&mut self) {
        let Some(call) = &self.call else { return };
        // Read now, so that the last figures are those of the end of the call.
        let _ = call.stats().await;
        call.hang_up();
    }

    fn problem(&self, error: &dyn Error) {
        self.report.refused(&error.to_string());
    }
}

fn show_health(report: Report, health: &SignalingHealth) {
    match health {
        SignalingHealth::Connecting => report.hint("Connecting to signaling."),
        SignalingHealth::Online => report.say("Ready.", json!({"event": "ready", "at_ms": now_ms()})),
        SignalingHealth::Offline { why, retry_in } => report.say(
            &match *retry_in {
                std::time::Duration::MAX => format!("Offline: {why}."),
                retry_in => format!("Offline: {why}. Next try in {} s.", retry_in.as_secs()),
            },
            json!({"event": "offline", "why": why.to_string(), "at_ms": now_ms()}),
        ),
    }
}

/// No hang-up is planned.
const FOREVER: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 3600);
const COMMANDS: &str = "Commands: answer, decline, hangup, mute, unmute, hold, resume, stats, call USER, online, devices, \
                        use microphone NUMBER, use speaker NUMBER, quit.";
