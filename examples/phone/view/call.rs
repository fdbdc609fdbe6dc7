//! The call: who, how it goes, how loud, how good.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use ringback::CallStats;
use ringback::audio::DeviceKind;
use ringback::proto::call::{CallState, Direction};

use super::{Theme, panel};
use crate::model::{Model, Talk, path_words, state_words, took};
use crate::report::loss;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let lines = match (&model.talk, model.rings()) {
        (_, Some(talk)) => ringing(model, talk, theme),
        (Some(talk), None) => in_call(model, talk, theme, area.width.saturating_sub(4)),
        (None, _) => idle(model, theme),
    };
    let title = if model.talk.is_some() { " Call " } else { " No call " };
    let mut block = panel(title, theme);
    if model.rings().is_some() {
        block = block.border_style(theme.warning());
    }
    let text = Paragraph::new(lines).wrap(Wrap { trim: false });
    frame.render_widget(text.block(block), area);
}

fn idle(model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(end) = &model.last_end {
        lines.extend([Line::from(format!(" {end}")), Line::default()]);
    }
    lines.push(Line::styled(" Choose somebody and press Enter to call.", theme.quiet()));
    lines
}

fn ringing(model: &Model, talk: &Talk, theme: Theme) -> Vec<Line<'static>> {
    let claim = talk.display.as_ref().map(|name| Line::styled(format!(" as \"{name}\""), theme.quiet()));
    let mut lines = vec![
        Line::default(),
        Line::from(vec![
            Span::raw(" "),
            Span::styled(talk.peer.clone(), theme.strong()),
            Span::styled(" calls you", theme.warning()),
        ]),
    ];
    lines.extend(claim);
    if talk.may_be_answered(model.now) {
        lines.extend([
            Line::default(),
            Line::from(vec![
                Span::raw(" "),
                Span::styled(" a  Accept ", theme.good().patch(theme.chosen())),
                Span::raw("   "),
                Span::styled(" d  Decline ", theme.bad().patch(theme.chosen())),
            ]),
        ]);
    }
    lines
}

fn in_call(model: &Model, talk: &Talk, theme: Theme, width: u16) -> Vec<Line<'static>> {
    let mut lines = vec![headline(model, talk, theme), marks(talk, theme)];
    let answered = matches!(talk.state, CallState::Active | CallState::Reconnecting);
    if !answered {
        return lines;
    }
    let (you, them) = (model.microphone.level(model.now), talk.level.level(model.now));
    lines.push(meter("You", you, width, if talk.muted || talk.held { theme.quiet() } else { theme.good() }));
    lines.push(meter("They", them, width, if talk.held { theme.quiet() } else { theme.accent() }));
    lines.push(Line::default());
    lines.extend(quality(talk, theme));
    let device = |kind| model.in_use.get(&kind).cloned().unwrap_or_else(|| "none".into());
    let (microphone, speaker) = (device(DeviceKind::Capture), device(DeviceKind::Playback));
    lines.push(Line::styled(format!(" Microphone {microphone}"), theme.quiet()));
    lines.push(Line::styled(format!(" Speaker    {speaker}"), theme.quiet()));
    lines
}

fn headline(model: &Model, talk: &Talk, theme: Theme) -> Line<'static> {
    let incoming = talk.direction == Direction::Incoming;
    let style = match talk.state {
        CallState::Active => theme.good(),
        CallState::Reconnecting => theme.bad(),
        CallState::Initiated | CallState::Ringing | CallState::Connecting | CallState::Ended(_) => {
            theme.warning()
        }
    };
    let time = talk.active_since.map(|since| format!("  {}", took(model.now.saturating_sub(since))));
    Line::from(vec![
        Span::raw(" "),
        Span::styled(talk.peer.clone(), theme.strong()),
        Span::styled(format!("  {}", state_words(&talk.state, incoming)), style),
        Span::raw(time.unwrap_or_default()),
    ])
}

/// Who does not send or hear at the moment.
fn marks(talk: &Talk, theme: Theme) -> Line<'static> {
    let all = [
        (talk.held, "on hold"),
        (talk.muted, "you are muted"),
        (talk.peer_held, "they put you on hold"),
        (talk.peer_muted, "they are muted"),
    ];
    let said: Vec<&str> = all.into_iter().filter_map(|(on, words)| on.then_some(words)).collect();
    Line::styled(format!(" {}", said.join(", ")), theme.warning())
}

/// A bar from -60 dBov to 0, with the figure beside it.
fn meter(name: &str, level_dbov: i8, width: u16, style: Style) -> Line<'static> {
    let cells = usize::from(width.saturating_sub(METER_WORDS).clamp(8, 30));
    let over_floor = usize::try_from(i16::from(level_dbov) + FLOOR).unwrap_or(0);
    let full = (over_floor * cells).div_ceil(usize::try_from(FLOOR).unwrap_or(1)).min(cells);
    let figure = if level_dbov <= -127 { "silent".into() } else { format!("{level_dbov} dB") };
    Line::from(vec![
        Span::raw(format!(" {name:<5}")),
        Span::styled("█".repeat(full), style),
        Span::styled("░".repeat(cells - full), Style::new()),
        Span::raw(format!(" {figure}")),
    ])
}

fn quality(talk: &Talk, theme: Theme) -> Vec<Line<'static>> {
    let path = talk.stats.and_then(|stats| stats.network.path).or(talk.path);
    let path = path.map_or_else(|| "looking for a way".into(), path_words);
    let Some(stats) = &talk.stats else {
        return vec![Line::from(format!(" Sound goes {path}")), Line::default()];
    };
    let (network, playout) = (&stats.network, &stats.sound.playout);
    let (word, style) = verdict(stats, theme);
    let rtt = network.round_trip.map_or("-".into(), |rtt| format!("{} ms", rtt.as_millis()));
    vec![
        Line::from(vec![Span::raw(" Quality "), Span::styled(word, style), Span::raw(format!(", {path}"))]),
        Line::from(format!(
            " RTT {rtt}  loss {:.1} %  jitter {} ms",
            loss(stats) * 100.0,
            network.jitter.as_millis()
        )),
        Line::from(format!(
            " {} kbit/s out, {} in  concealed {:.1} s",
            network.sent_bps / 1000,
            network.received_bps / 1000,
            playout.concealed.as_secs_f64()
        )),
        Line::default(),
    ]
}

/// ITU-T G.107's R falls under 80 at some 2 % loss or 200 ms one way, under 70 at some 5 % or 300 ms.
fn verdict(stats: &CallStats, theme: Theme) -> (&'static str, Style) {
    let loss = loss(stats).max(f64::from(stats.network.remote_loss));
    let rtt_ms = stats.network.round_trip.map_or(0, |rtt| rtt.as_millis());
    if loss > 0.05 || rtt_ms > 600 {
        ("poor", theme.bad())
    } else if loss > 0.02 || rtt_ms > 400 {
        ("fair", theme.warning())
    } else {
        ("good", theme.good())
    }
}

/// The quietest that a bar shows, below full scale.
const FLOOR: i16 = 60;
/// ` They ` before a bar, ` -127 dB` after it.
const METER_WORDS: u16 = 14;
