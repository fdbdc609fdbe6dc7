//! What lies over the screen: a name being typed, the devices, the help.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};
use ringback::audio::DeviceKind;

use super::{Theme, panel};
use crate::model::{Model, Over};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    match &model.over {
        Over::Nothing => {}
        Over::Typing(text) => draw_typing(frame, area, text, theme),
        Over::Devices(row) => draw_devices(frame, area, model, *row, theme),
        Over::Help => draw_help(frame, area, theme),
    }
}

fn draw_typing(frame: &mut Frame<'_>, area: Rect, text: &str, theme: Theme) {
    let inner = popup(frame, area, " Whom to call? ", 40, 1, theme);
    // The end of a long name is what is being typed.
    let room = usize::from(inner.width.saturating_sub(3));
    let shown: String = text.chars().skip(text.chars().count().saturating_sub(room)).collect();
    let at = u16::try_from(shown.chars().count()).unwrap_or(0);
    frame.render_widget(Line::from(format!("> {shown}")), inner);
    frame.set_cursor_position(Position::new(inner.x + 2 + at, inner.y));
}

fn draw_devices(frame: &mut Frame<'_>, area: Rect, model: &Model, chosen: usize, theme: Theme) {
    let mut lines = Vec::new();
    let mut line_of_chosen = 0;
    let mut kind = None;
    for (at, row) in model.devices.iter().enumerate() {
        if kind.replace(row.kind) != Some(row.kind) {
            let title = match row.kind {
                DeviceKind::Capture => "Microphone",
                DeviceKind::Playback => "Speaker",
            };
            lines.push(Line::styled(title, theme.strong()));
        }
        let mark = if model.is_chosen(row) { "(x)" } else { "( )" };
        let style = if at == chosen { theme.chosen() } else { ratatui::style::Style::new() };
        if at == chosen {
            line_of_chosen = lines.len();
        }
        lines.push(Line::styled(format!(" {mark} {} ", row.name), style));
    }
    if lines.is_empty() {
        lines.push(Line::from("Looking for devices."));
    }
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let inner = popup(frame, area, " Sound ", 60, height, theme);
    let below = (line_of_chosen + 1).saturating_sub(usize::from(inner.height));
    let scroll = u16::try_from(below).unwrap_or(0);
    frame.render_widget(Paragraph::new(lines).scroll((scroll, 0)), inner);
}

fn draw_help(frame: &mut Frame<'_>, area: Rect, theme: Theme) {
    let lines: Vec<Line<'_>> = HELP
        .iter()
        .map(|(key, what)| {
            Line::from(vec![Span::styled(format!("{key:<8}"), theme.strong()), Span::raw(*what)])
        })
        .collect();
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let inner = popup(frame, area, " Keys ", 46, height, theme);
    frame.render_widget(Paragraph::new(lines), inner);
}

/// A box in the middle; returns its inside.
fn popup(frame: &mut Frame<'_>, area: Rect, title: &str, width: u16, height: u16, theme: Theme) -> Rect {
    let (width, height) = (width.min(area.width), (height.saturating_add(2)).min(area.height));
    let (x, y) = (area.x + (area.width - width) / 2, area.y + (area.height - height) / 2);
    let outer = Rect { x, y, width, height };
    let block = panel(title, theme).border_style(theme.accent());
    let inner = block.inner(outer);
    frame.render_widget(Clear, outer);
    frame.render_widget(block, outer);
    inner
}

const HELP: &[(&str, &str)] = &[
    ("up down", "choose somebody"),
    ("Enter", "call, or accept"),
    ("c", "type a name to call"),
    ("a", "accept"),
    ("d", "decline"),
    ("h", "hang up"),
    ("m", "mute and unmute"),
    ("o", "hold and resume"),
    ("s", "choose microphone and speaker"),
    ("q", "hang up and quit (also Ctrl-C)"),
];
