//! What the doctor prints: a table for people, or one JSON object.

use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use ringback::diagnose::{
    Check, ClockFinding, DeviceFinding, Diagnosis, IceServersFinding, MappingFinding, RelayFinding,
    SignalingFinding, StunFinding, TurnFinding, Verdict,
};
use ringback::proto::Language;
use ringback_examples::terminal::{harmless, harmless_json};
use serde_json::{Value, json};

/// One JSON object with every figure.
pub(crate) fn json(diagnosis: &Diagnosis, language: Language) -> io::Result<()> {
    let checks: Vec<Value> = diagnosis
        .checks
        .iter()
        .map(|check| {
            let mut object = figures(check);
            object["check"] = json!(check.subject());
            object["verdict"] = json!(check.verdict().code());
            object["finding"] = json!(check.code());
            object["text"] = json!(check.explain(language));
            if let Some(server) = check.server() {
                object["server"] = json!(server);
            }
            object
        })
        .collect();
    let whole = json!({"verdict": diagnosis.verdict().code(), "checks": checks});
    writeln!(io::stdout().lock(), "{}", harmless_json(&format!("{whole:#}")))
}

/// A table: verdict, what was checked, what was found. Coloured on a terminal.
pub(crate) fn table(diagnosis: &Diagnosis, language: Language) -> io::Result<()> {
    let stdout = io::stdout();
    let colour = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    write_table(&mut stdout.lock(), diagnosis, language, colour)
}

fn write_table(
    out: &mut impl Write,
    diagnosis: &Diagnosis,
    language: Language,
    colour: bool,
) -> io::Result<()> {
    for check in &diagnosis.checks {
        let verdict = check.verdict();
        let (on, off) = if colour { (paint(verdict), "\x1b[0m") } else { ("", "") };
        let mut lines = wrapped(&harmless(&check.explain(language)));
        lines.extend(check.server().map(harmless));
        let title = check.title(language);
        for (number, line) in lines.iter().enumerate() {
            match number {
                0 => writeln!(out, "{on}{:<13}{off}{title:<22}{line}", word(verdict, language))?,
                _ => writeln!(out, "{:35}{line}", "")?,
            }
        }
    }
    writeln!(out)?;
    writeln!(out, "{}", summary(diagnosis.verdict(), language))
}

/// Lines of at most [`WIDTH`] characters; a no-break space keeps its words together.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is always a line");
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

fn word(verdict: Verdict, language: Language) -> &'static str {
    match (language, verdict) {
        (Language::En, Verdict::Ok) => "ok",
        (Language::En, Verdict::Warning) => "warning",
        (Language::En, Verdict::Problem) => "PROBLEM",
        (Language::En, Verdict::Skipped) => "skipped",
        (Language::Fr, Verdict::Ok) => "bon",
        (Language::Fr, Verdict::Warning) => "attention",
        (Language::Fr, Verdict::Problem) => "PROBLÈME",
        (Language::Fr, Verdict::Skipped) => "non vérifié",
    }
}

fn paint(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "\x1b[32m",
        Verdict::Warning => "\x1b[33m",
        Verdict::Problem => "\x1b[1;31m",
        Verdict::Skipped => "\x1b[2m",
    }
}

fn summary(verdict: Verdict, language: Language) -> &'static str {
    match (language, verdict) {
        (Language::En, Verdict::Ok | Verdict::Skipped) => "All is fine.",
        (Language::En, Verdict::Warning) => "Nothing is broken, but see the warnings above.",
        (Language::En, Verdict::Problem) => "There are problems to mend.",
        (Language::Fr, Verdict::Ok | Verdict::Skipped) => "Tout va bien.",
        (Language::Fr, Verdict::Warning) => "Rien n’est en panne, mais voyez les réserves ci-dessus.",
        (Language::Fr, Verdict::Problem) => "Il y a des problèmes à corriger.",
    }
}

/// An object with what the finding owns.
fn figures(check: &Check) -> Value {
    let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
    match check {
        Check::Device { finding, .. } => match finding {
            DeviceFinding::Opens { name } => json!({"name": name}),
            DeviceFinding::Listed { devices } => json!({"devices": devices}),
            DeviceFinding::InCall | DeviceFinding::Failed(_) | DeviceFinding::Silent => json!({}),
        },
        Check::Signaling(finding) => match finding {
            SignalingFinding::Answers { round_trip } => json!({"round_trip_ms": ms(*round_trip)}),
            SignalingFinding::Online
            | SignalingFinding::Connecting
            | SignalingFinding::Offline(_)
            | SignalingFinding::Silent => json!({}),
        },
        Check::Clock(ClockFinding::Ahead { ms }) => json!({"ahead_ms": ms}),
        Check::Clock(ClockFinding::Unknown) => json!({}),
        Check::IceServers(finding) => match finding {
            IceServersFinding::Listed { stun, turn, expires_in, took } => {
                let left = expires_in.map(|left| left.as_secs());
                json!({"stun": stun, "turn": turn, "expires_in_s": left, "took_ms": ms(*took)})
            }
            IceServersFinding::NotSet | IceServersFinding::Failed(_) | IceServersFinding::Silent => json!({}),
        },
        Check::Stun { finding, .. } => match finding {
            StunFinding::Answers { mapped, round_trip } => {
                json!({"mapped": mapped.to_string(), "round_trip_ms": ms(*round_trip)})
            }
            StunFinding::Refused { code } => json!({"error": code}),
            StunFinding::Failed(_) | StunFinding::NotUsed => json!({}),
        },
        Check::Mapping(MappingFinding::Same | MappingFinding::Different | MappingFinding::Unknown) => {
            json!({})
        }
        Check::Turn { finding, .. } => match finding {
            TurnFinding::Allocates { relayed, round_trip } | TurnFinding::Open { relayed, round_trip } => {
                json!({"relayed": relayed.to_string(), "round_trip_ms": ms(*round_trip)})
            }
            TurnFinding::CredentialsExpired { ago } => json!({"expired_s": ago.as_secs()}),
            TurnFinding::Refused { code } => json!({"error": code}),
            TurnFinding::CredentialsRefused
            | TurnFinding::CredentialsTooLong
            | TurnFinding::QuotaReached
            | TurnFinding::Full
            | TurnFinding::Failed(_)
            | TurnFinding::NotUsed => json!({}),
        },
        Check::Relay(RelayFinding::Works | RelayFinding::StreamOnly | RelayFinding::Missing) => json!({}),
    }
}

/// With the first two columns, a line has 100 characters.
const WIDTH: usize = 65;

#[cfg(test)]
mod tests {
    use ringback::audio::DeviceKind;

    use super::*;

    #[test]
    fn a_long_text_is_wrapped_under_itself() {
        let diagnosis = Diagnosis { checks: vec![Check::Relay(RelayFinding::StreamOnly)] };
        let mut out = Vec::new();
        write_table(&mut out, &diagnosis, Language::Fr, false).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("PROBLÈME     Relais                Seul TCP ou TLS"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.lines().nth(1).unwrap().starts_with(&" ".repeat(35)), "{text}");
    }

    #[test]
    fn the_name_of_a_device_does_not_steer_the_terminal() {
        let finding = DeviceFinding::Opens { name: "head\u{9b}31mset".into() };
        let diagnosis = Diagnosis { checks: vec![Check::Device { kind: DeviceKind::Capture, finding }] };
        let mut out = Vec::new();
        write_table(&mut out, &diagnosis, Language::En, false).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("head\u{fffd}31mset"), "{text:?}");
    }
}
