//! The phone on a terminal: it feeds the model, does what the person wishes, and gives the terminal back at the end.
//!
//! The terminal is restored on every way out: quit, Ctrl-C, SIGTERM, SIGHUP, an error, a panic.

use std::error::Error;
use std::io;
use std::time::Duration;

use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste, Event as Typed, EventStream};
use crossterm::execute;
use futures_util::{Stream, StreamExt as _};
use ratatui::backend::Backend;
use ratatui::{DefaultTerminal, Terminal};
use ringback::proto::call::{CallState, Direction};
use ringback::signaling::SignalingHealth;
use ringback::{Call, Event, EventKind, Phone};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::args::Args;
use crate::model::{Input, Model, Wish};
use crate::setup::Ready;
use crate::sound::{self, Trouble, Unusable};
use crate::stderr::Muted;
use crate::stop::asked_to_stop;
use crate::view::{self, Theme};

/// The terminal, taken over. Dropping it gives it back.
struct Screen {
    terminal: DefaultTerminal,
    _muted: Muted,
}

impl Screen {
    fn take() -> io::Result<Self> {
        // ratatui also puts a hook before the panic's message, so that it lands on the ordinary screen.
        let muted = Muted::start()?;
        // It may fail half-way, with the terminal in raw mode already.
        let terminal = ratatui::try_init().inspect_err(|_| ratatui::restore())?;
        let screen = Self { terminal, _muted: muted };
        execute!(io::stdout(), EnableBracketedPaste)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = execute!(io::stdout(), DisableBracketedPaste);
        ratatui::restore();
    }
}

/// What the loop woke up for.
enum Woken {
    Typed(Option<io::Result<Typed>>),
    Phone(Option<Event>),
    Online,
    /// The sound system did what was wished for, and what there is to show of it.
    Sound(Option<Input>),
    /// A device was opened for a moment, or could not be.
    Tried(Option<Trouble>),
    Tick,
    Stop,
}

/// Shows the phone until the person quits. True: all went well.
pub(crate) async fn run(args: &Args, ready: Ready) -> Result<bool, Box<dyn Error>> {
    let phone = ready.phone.clone();
    let taken = asked_to_stop().and_then(|stop| Ok((stop, Screen::take()?)));
    let (ran, screen) = match taken {
        Ok((stop, mut screen)) => {
            let ran = show(args, ready, &mut screen.terminal, EventStream::new(), stop).await;
            (ran, Some(screen))
        }
        Err(error) => (Err(error.into()), None),
    };
    // Whatever went wrong here: whoever is in a call with it is told.
    phone.close();
    phone.closed().await;
    drop(screen);
    ran?;
    Ok(true)
}

async fn show<B: Backend<Error: 'static>>(
    args: &Args,
    ready: Ready,
    terminal: &mut Terminal<B>,
    mut typed: impl Stream<Item = io::Result<Typed>> + Unpin,
    stop: impl Future<Output = ()>,
) -> Result<(), Box<dyn Error>> {
    let Ready { phone, mut online, echo, notes, chosen, mut trials } = ready;
    let phone = &phone;
    let theme = Theme { color: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) };
    let mut model = Model::new(phone.user().clone(), &args.server.url, echo);
    for note in notes {
        model.update(Input::Note(note));
    }
    for (kind, choice) in chosen {
        model.update(Input::Chosen(kind, choice));
    }
    phone.audio().set_levels(true);
    let mut events = phone.events();
    // A call may have come before anybody listened.
    let mut wishes = answers(args, phone);
    model.update(Input::Health(phone.signaling_health().borrow().clone()));
    model.update(Input::Online(online.borrow_and_update().clone()));
    let mut stop = std::pin::pin!(stop);
    let mut questions = JoinSet::new();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let start = Instant::now();
    let mut first_call = args.call.clone();
    let mut listening = true;
    loop {
        let is_online = *phone.signaling_health().borrow() == SignalingHealth::Online;
        let first = first_call.take_if(|_| is_online).map(Wish::Call);
        for wish in wishes.into_iter().chain(first) {
            if wish == Wish::Quit {
                return Ok(());
            }
            if let Err(error) = act(args, phone, &mut model, &mut questions, wish).await {
                model.update(Input::Refused(error.to_string()));
            }
        }
        terminal.draw(|frame| view::draw(frame, &model, theme))?;
        let woken = tokio::select! {
            biased;
            () = &mut stop => Woken::Stop,
            typed = typed.next() => Woken::Typed(typed),
            event = events.next() => Woken::Phone(event),
            changed = online.changed(), if listening => {
                listening = changed.is_ok();
                Woken::Online
            }
            Some(answered) = questions.join_next() => Woken::Sound(answered.ok().flatten()),
            Some(tried) = trials.join_next() => Woken::Tried(tried.ok().flatten()),
            _ = tick.tick() => Woken::Tick,
        };
        model.update(Input::Tick(start.elapsed()));
        wishes = match woken {
            Woken::Stop | Woken::Phone(None) | Woken::Typed(None) => return Ok(()),
            Woken::Typed(Some(typed)) => match typed? {
                Typed::Key(key) => model.update(Input::Key(key)),
                Typed::Paste(text) => model.update(Input::Paste(text)),
                // The next turn draws anew.
                Typed::Resize(..) | Typed::FocusGained | Typed::FocusLost | Typed::Mouse(_) => Vec::new(),
            },
            Woken::Phone(Some(event)) => {
                look(phone, &mut model).await;
                let wishes = if may_bring_a_call(&event) { answers(args, phone) } else { Vec::new() };
                if let Event::Lagged(_) = event {
                    model.update(Input::Health(phone.signaling_health().borrow().clone()));
                }
                model.update(Input::Phone(event));
                wishes
            }
            Woken::Sound(answer) => answer.map_or_else(Vec::new, |answer| model.update(answer)),
            Woken::Tried(trouble) => trouble.map_or_else(Vec::new, |it| model.update(Input::Trouble(it))),
            Woken::Online => model.update(Input::Online(online.borrow_and_update().clone())),
            Woken::Tick => {
                look(phone, &mut model).await;
                overdue(args, &model)
            }
        };
    }
}

/// What the arguments ask for without a key: `--hang-up-after`.
fn overdue(args: &Args, model: &Model) -> Vec<Wish> {
    let (Some(after), Some(talk)) = (args.hang_up_after, &model.talk) else { return Vec::new() };
    let over = talk.active_since.is_some_and(|since| model.now.saturating_sub(since) >= after);
    if over { vec![Wish::HangUp(talk.call)] } else { Vec::new() }
}

/// What the arguments ask for without a key: `--answer`.
fn answers(args: &Args, phone: &Phone) -> Vec<Wish> {
    let waits = |call: &Call| {
        call.direction() == Direction::Incoming
            && matches!(call.state(), CallState::Initiated | CallState::Ringing)
    };
    let calls = phone.calls().into_iter().filter(|call| args.answer && waits(call));
    calls.map(|call| Wish::Accept(call.id())).collect()
}

/// Whether a call may have come.
fn may_bring_a_call(event: &Event) -> bool {
    match event {
        Event::Call(event) => matches!(event.kind, EventKind::Incoming(_)),
        Event::Lagged(_) => true,
        Event::Signaling(_)
        | Event::DeviceInUse { .. }
        | Event::DeviceFailed { .. }
        | Event::MicrophoneLevel { .. } => false,
    }
}

/// The calls as they are now, and how the media of the one shown does.
async fn look(phone: &Phone, model: &mut Model) {
    let calls = phone.calls();
    model.update(Input::Calls(calls.iter().map(Call::snapshot).collect()));
    let shown = model.talk.as_ref().map(|talk| talk.call);
    for call in calls.iter().filter(|call| Some(call.id()) == shown) {
        if matches!(call.state(), CallState::Active | CallState::Reconnecting)
            && let Some(stats) = call.stats().await
        {
            model.update(Input::Stats(call.id(), Box::new(stats)));
        }
    }
}

async fn act(
    args: &Args,
    phone: &Phone,
    model: &mut Model,
    questions: &mut JoinSet<Option<Input>>,
    wish: Wish,
) -> Result<(), Box<dyn Error>> {
    let call = |id| phone.calls().into_iter().find(|call| call.id() == id).ok_or("the call is over");
    match wish {
        Wish::Call(user) => {
            let call = phone.call(&user).await?;
            if args.muted {
                call.set_muted(true).await?;
            }
        }
        Wish::Accept(id) => {
            call(id)?.accept().await?;
            if args.muted {
                call(id)?.set_muted(true).await?;
            }
        }
        Wish::Decline(id) => call(id)?.decline().await?,
        Wish::HangUp(id) => call(id)?.hang_up(),
        Wish::Mute(id, on) => call(id)?.set_muted(on).await?,
        Wish::Hold(id, on) => call(id)?.set_held(on).await?,
        // A sound system that hangs keeps the thread that asks it: one question at a time.
        Wish::ListDevices | Wish::Choose(..) if !questions.is_empty() => {
            return Err(Box::new(Unusable::Silent));
        }
        Wish::ListDevices => {
            let phone = phone.clone();
            questions.spawn(async move { Some(shown(sound::devices(&phone).await.map(Input::Devices))) });
        }
        Wish::Choose(kind, choice) => {
            let phone = phone.clone();
            questions.spawn(async move {
                let chosen = sound::choose(&phone, kind, choice.clone()).await;
                Some(shown(chosen.map(|()| Input::Chosen(kind, choice))))
            });
        }
        Wish::Quit => {}
    }
    look(phone, model).await;
    Ok(())
}

fn shown(answer: Result<Input, Unusable>) -> Input {
    answer.unwrap_or_else(|error| Input::Refused(error.to_string()))
}

/// Four looks a second: the clock of a call never seems to stand, and the figures can be read.
const TICK: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
