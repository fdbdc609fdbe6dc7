//! The list of who is online.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{List, ListItem, ListState, Paragraph, Wrap};
use ringback::signaling::SignalingHealth;

use super::{Theme, panel};
use crate::model::{Model, Somebody};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let title = format!(" Online ({}) ", model.people.len());
    let block = panel(&title, theme);
    if model.people.is_empty() {
        let text = match model.health {
            SignalingHealth::Online => {
                "Nobody else shows up.\n\nStart another phone with --user NAME, or press c and type a name."
            }
            SignalingHealth::Connecting => "Connecting to the server.",
            SignalingHealth::Offline { .. } => {
                "Not connected. Is the server running?\n\ncargo run -p ringback-server"
            }
        };
        let text = Paragraph::new(text).style(theme.quiet()).wrap(Wrap { trim: true });
        return frame.render_widget(text.block(block), area);
    }
    let rows = model.people.iter().map(|somebody| ListItem::new(row(somebody, theme)));
    let list = List::new(rows).block(block).highlight_symbol("> ").highlight_style(theme.chosen());
    let mut state = ListState::default().with_selected(Some(model.selected));
    frame.render_stateful_widget(list, area, &mut state);
}

fn row(somebody: &Somebody, theme: Theme) -> Line<'_> {
    let name = Span::raw(somebody.user.as_str());
    if somebody.is_echo {
        return Line::from(vec![name, Span::styled("  plays back what you say", theme.quiet())]);
    }
    let apps: Vec<&str> = somebody.apps.iter().map(String::as_str).filter(|app| !app.is_empty()).collect();
    Line::from(vec![name, Span::styled(format!("  {}", apps.join(", ")), theme.quiet())])
}
