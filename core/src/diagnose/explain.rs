//! What people read of a check: what was found, and what to do if there is something to do.
//!
//! For whoever runs the servers as well as for users. No address, no name of a server, no secret: a text can be passed
//! on. French has its typographic apostrophe and its no-break spaces.

mod local;
mod servers;

use std::time::Duration;

use super::finding::{Check, TurnTransport};
use crate::audio::DeviceKind;
use crate::proto::Language;

/// A text in both languages.
type Texts = (String, String);

impl Check {
    /// One to three plain sentences: what was found, and what to do next if there is something to do.
    pub fn explain(&self, language: Language) -> String {
        let (english, french) = match self {
            Check::Device { kind, finding } => local::device(*kind, finding),
            Check::Signaling(finding) => local::signaling(finding),
            Check::Clock(finding) => local::clock(*finding),
            Check::IceServers(finding) => servers::list(finding),
            Check::Stun { finding, .. } => servers::stun(*finding),
            Check::Mapping(finding) => servers::mapping(*finding),
            Check::Turn { transport, finding, .. } => servers::turn(*transport, *finding),
            Check::Relay(finding) => servers::relay(*finding),
        };
        match language {
            Language::En => english,
            Language::Fr => french,
        }
    }

    /// What was checked, in a few words: a heading for [`Check::explain`].
    pub fn title(&self, language: Language) -> &'static str {
        let (english, french) = match self {
            Check::Device { kind: DeviceKind::Capture, .. } => ("Microphone", "Microphone"),
            Check::Device { kind: DeviceKind::Playback, .. } => ("Speaker", "Haut-parleur"),
            Check::Signaling(_) => ("Signaling", "Signalisation"),
            Check::Clock(_) => ("Clock", "Horloge"),
            Check::IceServers(_) => ("List of servers", "Liste des serveurs"),
            Check::Stun { .. } => ("STUN", "STUN"),
            Check::Mapping(_) => ("Address translation", "Traduction d’adresses"),
            Check::Turn { transport, .. } => match transport {
                TurnTransport::Udp => ("TURN over UDP", "TURN sur UDP"),
                TurnTransport::Tcp => ("TURN over TCP", "TURN sur TCP"),
                TurnTransport::Tls => ("TURN over TLS", "TURN sur TLS"),
                TurnTransport::Dtls => ("TURN over DTLS", "TURN sur DTLS"),
            },
            Check::Relay(_) => ("Relay", "Relais"),
        };
        match language {
            Language::En => english,
            Language::Fr => french,
        }
    }
}

fn fixed(english: &str, french: &str) -> Texts {
    (english.to_owned(), french.to_owned())
}

/// Milliseconds: with a decimal below ten, where it tells something.
fn ms(duration: Duration) -> Texts {
    let ms = duration.as_secs_f64() * 1000.0;
    let text = if ms < 9.95 { format!("{ms:.1}\u{a0}ms") } else { format!("{ms:.0}\u{a0}ms") };
    (text.clone(), text.replace('.', ","))
}

/// The largest unit that is filled: 45 seconds, 12 minutes, 3 hours, 5 days.
fn span(duration: Duration) -> Texts {
    let seconds = duration.as_secs();
    let (count, english, french) = match seconds {
        0..120 => (seconds, "second", "seconde"),
        120..7_200 => (seconds / 60, "minute", "minute"),
        7_200..172_800 => (seconds / 3_600, "hour", "heure"),
        172_800.. => (seconds / 86_400, "day", "jour"),
    };
    // French counts zero in the singular.
    let (english_s, french_s) = (if count == 1 { "" } else { "s" }, if count < 2 { "" } else { "s" });
    (format!("{count}\u{a0}{english}{english_s}"), format!("{count}\u{a0}{french}{french_s}"))
}
