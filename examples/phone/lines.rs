//! The phone without a terminal: it prints lines and reads commands from a pipe.

use std::error::Error;
use std::time::Duration;

use ringback::audio::{AudioDevice, DeviceChoice, DeviceKind};
use ringback::proto::call::{CallState, Direction, Incoming};
use ringback::proto::{CallId, EndReason};
use ringback::signaling::SignalingHealth;
use ringback::signaling::supabase::Online;
use ringback::{Call, CallEvent, Event, EventKind, Phone};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::args::Args;
use crate::report::{Report, now_ms};
use crate::setup::Ready;
use crate::sound;
use crate::stop::asked_to_stop;

/// True if every call ended the ordinary way.
pub(crate) async fn run(args: Args, ready: Ready, report: Report) -> Result<bool, Box<dyn Error>> {
    let phone = ready.phone.clone();
    let ran = match asked_to_stop() {
        Ok(stop) => Ok(converse(args, ready, report, tokio::io::stdin(), stop).await),
        Err(error) => Err(error.into()),
    };
    phone.close();
    phone.closed().await;
    report.say("Closed.", json!({"event": "closed", "at_ms": now_ms()}));
    ran
}

/// Does what the phone and the input bring, until one of them says that it is enough.
async fn converse(
    args: Args,
    ready: Ready,
    report: Report,
    input: impl AsyncRead + Unpin,
    stop: impl Future<Output = ()>,
) -> bool {
    let mut stop = std::pin::pin!(stop);
    let Ready { phone, notes, mut trials, online, echo: _, chosen: _ } = ready;
    for note in notes {
        report.hint(&note);
    }
    let mut events = phone.events();
    let mut lines = BufReader::new(input).split(b'\n');
    let mut reads = true;
    let mut terminal = Terminal::new(&args, report, online);
    let mut dial = args.call;
    let leaves_with_its_call = dial.is_some();
    // It may have come online, and a call may have come, before anybody listened.
    terminal.look(&phone).await;
    loop {
        if terminal.is_ready
            && let Some(to) = dial.take()
            && !terminal.place(&phone, &to).await
        {
            break;
        }
        let hang_up = tokio::time::sleep_until(terminal.hang_up_at.unwrap_or_else(Instant::now));
        tokio::select! {
            biased;
            () = &mut stop => break,
            event = events.next() => {
                let Some(event) = event else { break };
                if terminal.event(&phone, event).await && leaves_with_its_call {
                    break;
                }
            }
            line = lines.next_segment(), if reads => match line {
                Ok(Some(line)) => match String::from_utf8_lossy(&line).trim() {
                    "quit" => break,
                    line => terminal.command(&phone, line).await,
                },
                Ok(None) => reads = false,
                Err(error) => {
                    report.hint(&format!("No more commands can be read: {error}."));
                    reads = false;
                }
            },
            Some(tried) = trials.join_next() => {
                if let Ok(Some(trouble)) = tried {
                    report.trouble(&trouble);
                }
            }
            () = hang_up, if terminal.hang_up_at.is_some() => terminal.hang_up().await,
        }
    }
    terminal.went_well
}

/// The one call that the terminal talks about.
struct Terminal {
    report: Report,
    call: Option<Call>,
    /// The last call that was announced as incoming, and the last whose end was told: what was looked up may come as
    /// an event, too.
    announced: Option<CallId>,
    over: Option<CallId>,
    went_well: bool,
    is_ready: bool,
    muted: bool,
    answer: bool,
    hang_up_after: Option<Duration>,
    hang_up_at: Option<Instant>,
    online: watch::Receiver<Vec<Online>>,
}

impl Terminal {
    fn new(args: &Args, report: Report, online: watch::Receiver<Vec<Online>>) -> Self {
        Self {
            report,
            call: None,
            announced: None,
            over: None,
            went_well: true,
            is_ready: false,
            muted: args.muted,
            answer: args.answer,
            hang_up_after: args.hang_up_after,
            hang_up_at: None,
            online,
        }
    }

    /// What the events said that nobody heard. True if the terminal's call ended.
    async fn look(&mut self, phone: &Phone) -> bool {
        let health = phone.signaling_health().borrow().clone();
        if health == SignalingHealth::Online || self.is_ready {
            self.health(&health);
        }
        let ended = match self.call.clone() {
            Some(call) => self.state(call.id(), &call.state()).await,
            None => false,
        };
        for call in phone.calls().iter().filter(|call| call.direction() == Direction::Incoming) {
            let shown = call.snapshot();
            self.incoming(
                phone,
                &Incoming {
                    call: shown.call,
                    from: shown.peer,
                    verified: shown.verified,
                    display: shown.display,
                    context: shown.context,
                },
            )
            .await;
        }
        ended
    }

    /// True if the terminal's call ended.
    async fn event(&mut self, phone: &Phone, event: Event) -> bool {
        match event {
            Event::Call(CallEvent { call, kind, .. }) => match kind {
                EventKind::Incoming(incoming) => self.incoming(phone, &incoming).await,
                EventKind::State(state) => {
                    if !matches!(state, CallState::Ended(_)) {
                        self.report.state(&state);
                    }
                    return self.state(call, &state).await;
                }
                EventKind::Outgoing
                | EventKind::Delivery(_)
                | EventKind::PeerMedia { .. }
                | EventKind::Message(_)
                | EventKind::Path(_)
                | EventKind::FirstSound
                | EventKind::PeerLevel { .. } => self.report.event(call, &kind),
            },
            Event::Signaling(health) => self.health(&health),
            Event::DeviceInUse { kind, name } => self.report.device(kind, name.as_deref()),
            Event::DeviceFailed { kind, error } => self.report.device_failed(kind, &error),
            Event::MicrophoneLevel { .. } => {}
            Event::Lagged(_) => return self.look(phone).await,
        }
        false
    }

    fn health(&mut self, health: &SignalingHealth) {
        let online = *health == SignalingHealth::Online;
        if !(online && self.is_ready) {
            show_health(self.report, health);
        }
        self.is_ready = online;
    }

    /// A call that came, announced once.
    async fn incoming(&mut self, phone: &Phone, incoming: &Incoming) {
        if self.announced.replace(incoming.call) == Some(incoming.call) {
            return;
        }
        self.report.incoming(incoming);
        let Some(call) = phone.calls().into_iter().find(|call| call.id() == incoming.call) else { return };
        let accepted = if self.answer { call.accept().await } else { Ok(()) };
        match accepted {
            Ok(()) => self.begin(call).await,
            Err(error) => self.problem(&error),
        }
    }

    /// What follows from the state of a call; its end is told once. True if it is the terminal's call that ended.
    async fn state(&mut self, call: CallId, state: &CallState) -> bool {
        let CallState::Ended(end) = state else {
            if *state == CallState::Active && self.hang_up_at.is_none() {
                self.hang_up_at = self.hang_up_after.map(|after| Instant::now() + after);
            }
            return false;
        };
        if self.over.replace(call) == Some(call) {
            return false;
        }
        self.report.state(state);
        self.went_well &=
            matches!(end.reason, EndReason::HungUp | EndReason::Declined | EndReason::Cancelled);
        let Some(call) = self.call.take_if(|ours| ours.id() == call) else { return false };
        self.hang_up_at = None;
        if let Some(stats) = call.stats().await {
            self.report.stats(&stats);
        }
        true
    }

    /// False if there is no such call now.
    async fn place(&mut self, phone: &Phone, to: &str) -> bool {
        match phone.call(to).await {
            Ok(call) => {
                self.begin(call).await;
                true
            }
            Err(error) => {
                self.went_well = false;
                self.problem(&error);
                false
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

    async fn command(&mut self, phone: &Phone, line: &str) {
        if let Some(to) = line.strip_prefix("call ") {
            self.place(phone, to.trim()).await;
            return;
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
        self.hang_up_at = None;
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
                Duration::MAX => format!("Offline: {why}."),
                retry_in => format!("Offline: {why}. Next try in {} s.", retry_in.as_secs()),
            },
            json!({"event": "offline", "why": why.to_string(), "at_ms": now_ms()}),
        ),
    }
}

const COMMANDS: &str = "Commands: answer, decline, hangup, mute, unmute, hold, resume, stats, call USER, online, devices, \
                        use microphone NUMBER, use speaker NUMBER, quit.";

#[cfg(test)]
mod tests;
