//! What the keys do.
//!
//! | key | without a call | it rings | in a call |
//! |---|---|---|---|
//! | Enter | calls the chosen row | accepts | |
//! | a, d | | accepts, declines | |
//! | h | | declines | hangs up |
//! | m, o | | | mute, hold |
//! | up, down, c, s, ?, q | everywhere: choose a row, type a name, sound devices, help, quit |
//!
//! What lies over the screen takes every key but Ctrl-C, also when a call comes: whoever types a name does not let a
//! stranger hear them by the letter a. A call is answered by keys only once it can have been seen.
#![expect(clippy::wildcard_enum_match_arm, reason = "most keys do nothing")]

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ringback::audio::DeviceChoice;

use super::{Model, Over, Wish};

impl Model {
    pub(super) fn handle_key(&mut self, key: KeyEvent) -> Vec<Wish> {
        if key.kind == KeyEventKind::Release {
            return Vec::new();
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c' | 'q') => vec![Wish::Quit],
                _ => Vec::new(),
            };
        }
        match std::mem::replace(&mut self.over, Over::Nothing) {
            Over::Nothing => self.handle_plain_key(key.code),
            Over::Typing(text) => self.handle_typing(key.code, text),
            Over::Devices(row) => self.handle_device_key(key.code, row),
            Over::Help => Vec::new(),
        }
    }

    pub(super) fn handle_paste(&mut self, pasted: &str) {
        if let Over::Typing(text) = &mut self.over {
            let room = LONGEST_NAME.saturating_sub(text.len());
            text.extend(pasted.chars().filter(|&c| is_of_a_name(c)).take(room));
        }
    }

    fn handle_plain_key(&mut self, code: KeyCode) -> Vec<Wish> {
        let rings = self.rings().map(|talk| talk.call);
        let unseen = self.rings().is_some_and(|talk| !talk.may_be_answered(self.now));
        let talk = self.talk.as_ref().map(|talk| (talk.call, talk.muted, talk.held));
        match code {
            KeyCode::Enter | KeyCode::Char('a' | 'd' | 'h') if unseen => {}
            KeyCode::Up | KeyCode::Char('k') => self.selected = self.selected.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => {
                self.selected = (self.selected + 1).min(self.people.len().saturating_sub(1));
            }
            KeyCode::Home => self.selected = 0,
            KeyCode::End => self.selected = self.people.len().saturating_sub(1),
            KeyCode::Char('?') | KeyCode::F(1) => self.over = Over::Help,
            KeyCode::Char('q') => return vec![Wish::Quit],
            KeyCode::Char('s') => {
                self.over = Over::Devices(0);
                return vec![Wish::ListDevices];
            }
            KeyCode::Enter | KeyCode::Char('a') if rings.is_some() => {
                return rings.map(Wish::Accept).into_iter().collect();
            }
            KeyCode::Char('d') => return rings.map(Wish::Decline).into_iter().collect(),
            KeyCode::Char('h') => {
                return match (rings, talk) {
                    (Some(call), _) => vec![Wish::Decline(call)],
                    (None, Some((call, ..))) => vec![Wish::HangUp(call)],
                    (None, None) => Vec::new(),
                };
            }
            KeyCode::Char('m') => {
                return talk.map(|(call, muted, _)| Wish::Mute(call, !muted)).into_iter().collect();
            }
            KeyCode::Char('o') => {
                return talk.map(|(call, _, held)| Wish::Hold(call, !held)).into_iter().collect();
            }
            KeyCode::Char('c') if talk.is_none() => self.over = Over::Typing(String::new()),
            KeyCode::Enter if talk.is_none() => {
                let chosen = self.people.get(self.selected).map(|somebody| somebody.user.to_string());
                match chosen {
                    Some(user) => return vec![Wish::Call(user)],
                    None => self.over = Over::Typing(String::new()),
                }
            }
            _ => {}
        }
        Vec::new()
    }

    fn handle_typing(&mut self, code: KeyCode, mut text: String) -> Vec<Wish> {
        match code {
            KeyCode::Esc => return Vec::new(),
            KeyCode::Enter if self.talk.is_some() => {
                self.say("Not done: there is a call. Esc leads to it.".into())
            }
            KeyCode::Enter if text.is_empty() => return Vec::new(),
            KeyCode::Enter => return vec![Wish::Call(text)],
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Char(c) if is_of_a_name(c) && text.len() < LONGEST_NAME => text.push(c),
            _ => {}
        }
        self.over = Over::Typing(text);
        Vec::new()
    }

    fn handle_device_key(&mut self, code: KeyCode, row: usize) -> Vec<Wish> {
        let last = self.devices.len().saturating_sub(1);
        let row = match code {
            KeyCode::Esc | KeyCode::Char('q' | 's') => return Vec::new(),
            KeyCode::Enter => {
                let Some(device) = self.devices.get(row).cloned() else { return Vec::new() };
                self.over = Over::Devices(row);
                return vec![Wish::Choose(device.kind, device.choice)];
            }
            KeyCode::Up | KeyCode::Char('k') => row.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => (row + 1).min(last),
            _ => row,
        };
        self.over = Over::Devices(row);
        Vec::new()
    }

    /// Whether this row is what was chosen for its kind.
    pub(crate) fn is_chosen(&self, row: &super::DeviceRow) -> bool {
        self.chosen.get(&row.kind).unwrap_or(&DeviceChoice::Default) == &row.choice
    }
}

/// The alphabet of user ids.
fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '@' | '-')
}

/// The longest user id.
const LONGEST_NAME: usize = 128;
