//! Draws the model. Nothing here changes anything.
//!
//! ```text
//!   80 columns                                     under 60 columns
//!   +- Ringback - rider ------------ online -+     + rider --- online +
//!   | Online          | the call             |     | call, or the list|
//!   |                 |                      |     |                  |
//!   +-----------------+----------------------+     +------------------+
//!   | events                                 |     | events           |
//!   +----------------------------------------+     +------------------+
//!     keys                                           keys
//! ```

mod call;
mod over;
mod people;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Wrap};
use ringback::proto::call::CallState;
use ringback::signaling::SignalingHealth;

use crate::model::{Model, Over, took};

/// How things look. Every color only repeats what a word or a mark says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Theme {
    pub(crate) color: bool,
}

impl Theme {
    fn of(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }

    fn good(self) -> Style {
        self.of(Color::Green)
    }

    fn warning(self) -> Style {
        self.of(Color::Yellow)
    }

    fn bad(self) -> Style {
        self.of(Color::Red).add_modifier(Modifier::BOLD)
    }

    fn accent(self) -> Style {
        self.of(Color::Cyan)
    }

    fn quiet(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}

/// Draws everything.
pub(crate) fn draw(frame: &mut Frame<'_>, model: &Model, theme: Theme) {
    let area = frame.area();
    let log_rows = match area.height {
        0..12 => 0,
        12..18 => 4,
        // A call needs the room: its levels and figures come first.
        18..22 if model.talk.is_some() => 4,
        18..30 => 7,
        height => height / 3,
    };
    let rows =
        [Constraint::Length(1), Constraint::Min(4), Constraint::Length(log_rows), Constraint::Length(1)];
    let [title, middle, log, keys] = Layout::vertical(rows).areas(area);
    draw_title(frame, title, model, theme);
    if area.width >= WIDE {
        let columns = [Constraint::Length(area.width * 2 / 5), Constraint::Min(0)];
        let [left, right] = Layout::horizontal(columns).areas(middle);
        people::draw(frame, left, model, theme);
        call::draw(frame, right, model, theme);
    } else if model.talk.is_some() {
        call::draw(frame, middle, model, theme);
    } else if let (Some(end), true) = (&model.last_end, middle.height >= 10) {
        let [list, last] = Layout::vertical([Constraint::Min(4), Constraint::Length(5)]).areas(middle);
        people::draw(frame, list, model, theme);
        let text = Paragraph::new(end.as_str()).wrap(Wrap { trim: true });
        frame.render_widget(text.block(panel(" Last call ", theme)), last);
    } else {
        people::draw(frame, middle, model, theme);
    }
    if log_rows > 0 {
        draw_log(frame, log, model, theme);
    }
    frame.render_widget(keys_line(model, theme, area.width), keys);
    over::draw(frame, area, model, theme);
}

fn draw_title(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let (mark, word, style) = match &model.health {
        SignalingHealth::Online => ("●", "online", theme.good()),
        SignalingHealth::Connecting => ("○", "connecting", theme.warning()),
        SignalingHealth::Offline { .. } => ("✕", "offline", theme.bad()),
    };
    let left = Line::from(vec![
        Span::styled(if area.width >= WIDE { " Ringback " } else { " " }, theme.quiet()),
        Span::styled(model.me.as_str(), theme.strong()),
    ]);
    let server = if area.width >= WIDE { format!("{}  ", model.server) } else { String::new() };
    let right =
        Line::from(vec![Span::styled(server, theme.quiet()), Span::styled(format!("{mark} {word} "), style)]);
    let width = u16::try_from(right.width()).unwrap_or(area.width).min(area.width);
    let [left_area, right_area] =
        Layout::horizontal([Constraint::Min(0), Constraint::Length(width)]).areas(area);
    frame.render_widget(left, left_area);
    frame.render_widget(right, right_area);
}

/// The newest lines, the last at the bottom; a long one is broken.
fn draw_log(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let block = panel(" Events ", theme);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let width = usize::from(inner.width.saturating_sub(TIME_WIDTH)).max(1);
    let mut lines: Vec<Line<'_>> = Vec::new();
    for logged in model.log.iter().rev() {
        let parts = broken(&logged.text, width);
        for (at, part) in parts.iter().enumerate().rev() {
            let time = if at == 0 {
                format!("{:>5} ", took(logged.at))
            } else {
                " ".repeat(usize::from(TIME_WIDTH))
            };
            lines.push(Line::from(vec![Span::styled(time, theme.quiet()), Span::raw(part.clone())]));
        }
        if lines.len() >= usize::from(inner.height) {
            break;
        }
    }
    lines.truncate(usize::from(inner.height));
    lines.reverse();
    frame.render_widget(Paragraph::new(lines), inner);
}

/// A text in lines of at most this many characters, broken at spaces where there are any.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let last = lines.last_mut().expect("it starts with one and only grows");
            let used = last.chars().count();
            let gap = usize::from(used > 0);
            if used + gap + word.len() <= width {
                last.extend(std::iter::repeat_n(' ', gap).chain(word));
                break;
            }
            if used == 0 {
                last.extend(word.drain(..width));
            }
            lines.push(String::new());
        }
    }
    lines
}

fn keys_line(model: &Model, theme: Theme, width: u16) -> Line<'static> {
    if let (Some(talk), true) = (model.rings(), model.over != Over::Nothing) {
        return Line::from(vec![
            Span::styled(" Esc ", theme.strong()),
            Span::styled(format!("{} calls you", talk.peer), theme.warning()),
        ]);
    }
    let keys: &[(&str, &str)] = match (&model.over, &model.talk) {
        (Over::Typing(_), _) => &[("Enter", "call"), ("Esc", "back")],
        (Over::Devices(_), _) => &[("↑↓", "choose"), ("Enter", "use"), ("Esc", "back")],
        (Over::Help, _) => &[("any key", "back")],
        (Over::Nothing, None) => &[
            ("Enter", "call"),
            ("c", "name"),
            ("?", "help"),
            ("s", "sound"),
            ("q", "quit"),
            ("↑↓", "choose"),
        ],
        (Over::Nothing, Some(_)) if model.rings().is_some() => {
            &[("a", "accept"), ("d", "decline"), ("q", "quit")]
        }
        (Over::Nothing, Some(talk)) => match (talk.muted, talk.held, &talk.state) {
            (_, _, CallState::Initiated | CallState::Ringing) => {
                &[("h", "hang up"), ("m", "mute"), ("q", "quit")]
            }
            (false, false, _) => KEYS_IN_CALL,
            (true, false, _) => KEYS_MUTED,
            (false, true, _) => KEYS_HELD,
            (true, true, _) => KEYS_MUTED_HELD,
        },
    };
    let mut spans = vec![Span::raw(" ")];
    let mut used = 1;
    for (key, what) in keys {
        let length = key.chars().count() + what.chars().count() + 3;
        if used + length > usize::from(width) {
            break;
        }
        used += length;
        spans.extend([Span::styled(*key, theme.strong()), Span::styled(format!(" {what}  "), theme.quiet())]);
    }
    Line::from(spans)
}

fn panel(title: &str, theme: Theme) -> Block<'_> {
    Block::bordered().title(Span::styled(title, theme.accent())).border_style(theme.quiet())
}

type Keys = &'static [(&'static str, &'static str)];
const KEYS_IN_CALL: Keys =
    &[("h", "hang up"), ("m", "mute"), ("o", "hold"), ("?", "help"), ("s", "sound"), ("q", "quit")];
const KEYS_MUTED: Keys =
    &[("h", "hang up"), ("m", "unmute"), ("o", "hold"), ("?", "help"), ("s", "sound"), ("q", "quit")];
const KEYS_HELD: Keys =
    &[("h", "hang up"), ("m", "mute"), ("o", "resume"), ("?", "help"), ("s", "sound"), ("q", "quit")];
const KEYS_MUTED_HELD: Keys =
    &[("h", "hang up"), ("m", "unmute"), ("o", "resume"), ("?", "help"), ("s", "sound"), ("q", "quit")];

/// From this width on, list and call stand side by side.
const WIDE: u16 = 60;
/// `12:34 ` before a line of the log.
const TIME_WIDTH: u16 = 6;
