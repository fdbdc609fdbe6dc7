//! The figures of a demo, from the phones' stamps and from the recordings.

use std::path::Path;

use anyhow::{Context, Result};
use ringback_measure::{
    Sound, heard,
    picture::{self, Direction, Track},
};
use serde_json::json;

use super::{
    DeviceKind, Side,
    devices::{Recordings, heard_file},
    story::Story,
};

/// All figures; what could not be measured is absent.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    devices: DeviceKind,
    /// Dial until the driver's phone rings.
    ring_ms: Option<f64>,
    /// Dial until both sides are in the call.
    connect_ms: Option<f64>,
    /// Dial until both sides have played a sound of the other.
    audio_ms: Option<f64>,
    /// The driver's answer until both sides have played a sound of the other.
    answer_to_audio_ms: Option<f64>,
    /// From one's mouth to the other's ear, in the slower direction.
    mouth_to_ear_ms: Option<f64>,
    path: Option<String>,
    /// Share of packets lost on the way to the rider, 0 to 1.
    loss: Option<f64>,
    by_driver: Option<Ear>,
    by_rider: Option<Ear>,
}

/// What a side heard.
#[derive(Debug, Clone, Copy)]
struct Ear {
    /// Likeness to the far side's speech.
    far: f64,
    /// Likeness to the side's own speech.
    own: f64,
    mouth_to_ear_ms: Option<f64>,
}

impl Ear {
    /// Heard means: the far side's speech is there and the own is not.
    fn heard(self) -> bool {
        self.far >= FAR && self.own < OWN
    }
}

impl Figures {
    /// The figures of a call that never was.
    pub(super) fn none(devices: DeviceKind) -> Figures {
        Figures {
            devices,
            ring_ms: None,
            connect_ms: None,
            audio_ms: None,
            answer_to_audio_ms: None,
            mouth_to_ear_ms: None,
            path: None,
            loss: None,
            by_driver: None,
            by_rider: None,
        }
    }

    /// Measures the call and draws its picture.
    pub(super) fn compute(
        devices: DeviceKind,
        story: &Story,
        recordings: Recordings,
        artifacts: &Path,
    ) -> Result<Figures> {
        let sides = [Side::Rider, Side::Driver];
        let dial = story
            .at_ms(Side::Rider, "outgoing", None)
            .or_else(|| story.at_ms(Side::Rider, "state", Some("initiated")));
        let since = |begin: Option<f64>, end: Option<f64>| Some(end? - begin?);
        let later = |event: &str, state: Option<&str>| {
            let [a, b] = sides.map(|side| story.at_ms(side, event, state));
            Some(a?.max(b?))
        };
        let answer = story
            .at_ms(Side::Driver, "state", Some("connecting"))
            .or_else(|| story.at_ms(Side::Driver, "incoming", None));
        let sound = later("first_sound", None);
        let stats = sides.iter().find_map(|side| story.first(*side, "stats", None));

        let mut figures = Figures {
            ring_ms: since(dial, story.at_ms(Side::Driver, "incoming", None)),
            connect_ms: since(dial, later("state", Some("active"))),
            audio_ms: since(dial, sound),
            answer_to_audio_ms: since(answer, sound),
            path: stats.and_then(|stats| Some(stats["path"].as_str()?.to_owned())),
            loss: stats.and_then(|stats| stats["loss"].as_f64()),
            ..Figures::none(devices)
        };
        if let Some(tracks) = Tracks::of(recordings, story)? {
            figures.listen(&tracks)?;
            tracks.draw(&figures).write(artifacts.join(PICTURE)).context("the picture cannot be written")?;
        }
        Ok(figures)
    }

    fn listen(&mut self, tracks: &Tracks) -> Result<()> {
        let ear = |side: Side| -> Result<Ear> {
            let got = &tracks.heard[index(side)];
            let (far, own) = (speech(side.other())?, speech(side)?);
            let said = &tracks.said[index(side.other())];
            // The lag is taken from what was said at that time, which a virtual device recorded along with the rest.
            let lag = heard(&said.sound, &got.sound);
            let ear = Ear {
                far: heard(&far, &got.sound).correlation,
                own: heard(&own, &got.sound).correlation,
                mouth_to_ear_ms: None,
            };
            let delay = got.start_ms.zip(said.start_ms).map(|(got, said)| got + lag.lag_ms - said);
            Ok(Ear { mouth_to_ear_ms: delay.filter(|_| ear.heard()), ..ear })
        };
        let (driver, rider) = (ear(Side::Driver)?, ear(Side::Rider)?);
        self.mouth_to_ear_ms = match (driver.mouth_to_ear_ms, rider.mouth_to_ear_ms) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (None, _) | (_, None) => None,
        };
        (self.by_driver, self.by_rider) = (Some(driver), Some(rider));
        Ok(())
    }

    /// Whether both sides heard each other. With real devices nobody records: then both must have played a sound.
    pub(super) fn ok(&self) -> bool {
        match self.devices {
            DeviceKind::File | DeviceKind::Virtual => {
                [self.by_driver, self.by_rider].iter().all(|ear| ear.is_some_and(Ear::heard))
            }
            DeviceKind::Real => self.audio_ms.is_some(),
        }
    }

    /// The object of `--json`, its fields in the order of the documentation.
    pub(super) fn json(&self) -> String {
        let ms = |value: Option<f64>| json!(value.map(|ms| (ms * 10.0).round() / 10.0));
        let share = |value: Option<f64>| json!(value.map(|share| (share * 1000.0).round() / 1000.0));
        let fields = [
            ("ok", json!(self.ok())),
            ("ring_ms", ms(self.ring_ms)),
            ("connect_ms", ms(self.connect_ms)),
            ("audio_ms", ms(self.audio_ms)),
            ("answer_to_audio_ms", ms(self.answer_to_audio_ms)),
            ("mouth_to_ear_ms", ms(self.mouth_to_ear_ms)),
            ("path", json!(self.path)),
            ("loss", share(self.loss)),
            ("heard_by_driver", share(self.by_driver.map(|ear| ear.far))),
            ("heard_by_rider", share(self.by_rider.map(|ear| ear.far))),
        ];
        format!("{{{}}}", fields.map(|(name, value)| format!("{}:{value}", json!(name))).join(","))
    }

    /// The table for people.
    pub(super) fn print(&self, artifacts: &Path) {
        let ms =
            |value: Option<f64>| value.map_or_else(|| "not measured".to_owned(), |ms| format!("{ms:.0} ms"));
        let ear = |ear: Option<Ear>| match ear {
            Some(ear) => format!("{:.3} (own speech {:.3})", ear.far, ear.own),
            None => "not measured".to_owned(),
        };
        let rows = [
            ("dial to ring", ms(self.ring_ms)),
            ("dial to connected", ms(self.connect_ms)),
            ("dial to first sound", ms(self.audio_ms)),
            ("answer to first sound", ms(self.answer_to_audio_ms)),
            ("mouth to ear", ms(self.mouth_to_ear_ms)),
            ("path", self.path.clone().unwrap_or_else(|| "none".to_owned())),
            (
                "loss",
                self.loss.map_or_else(|| "not measured".to_owned(), |loss| format!("{:.1} %", loss * 100.0)),
            ),
            ("the driver heard the rider", ear(self.by_driver)),
            ("the rider heard the driver", ear(self.by_rider)),
        ];
        println!();
        for (name, value) in rows {
            println!("  {name:<28}{value}");
        }
        println!();
        for file in ["rider-heard.wav", "driver-heard.wav", PICTURE, "events.jsonl"] {
            let path = artifacts.join(file);
            if path.exists() {
                println!("  {}", path.display());
            }
        }
        let verdict = match (self.ok(), self.devices) {
            (true, DeviceKind::File | DeviceKind::Virtual) => "Both sides heard each other.",
            (true, DeviceKind::Real) => {
                "Both sides played sound of the other. Nobody recorded it: only you can say."
            }
            (false, _) => "The sides did NOT hear each other.",
        };
        println!("\n{verdict}");
    }
}

/// The four sounds of a call, rider first.
struct Tracks {
    said: [Timed; 2],
    heard: [Timed; 2],
}

/// A sound and when it began, if that is known, in milliseconds on a clock that all four share.
struct Timed {
    sound: Sound,
    start_ms: Option<f64>,
}

impl Tracks {
    fn of(recordings: Recordings, story: &Story) -> Result<Option<Tracks>> {
        match recordings {
            Recordings::Nothing => Ok(None),
            Recordings::OneClock { said, heard } => {
                let timed = |sound| Timed { sound, start_ms: Some(0.0) };
                Ok(Some(Tracks { said: said.map(timed), heard: heard.map(timed) }))
            }
            Recordings::Files(artifacts) => {
                let said = |side: Side| -> Result<Timed> {
                    Ok(Timed { sound: speech(side)?, start_ms: story.at_ms(side, "capture_started", None) })
                };
                let heard = |side: Side| -> Result<Timed> {
                    let path = heard_file(&artifacts, side);
                    let sound = Sound::read(&path).with_context(|| path.display().to_string())?;
                    Ok(Timed { sound, start_ms: story.at_ms(side, "playback_started", None) })
                };
                Ok(Some(Tracks {
                    said: [said(Side::Rider)?, said(Side::Driver)?],
                    heard: [heard(Side::Rider)?, heard(Side::Driver)?],
                }))
            }
        }
    }

    fn draw(&self, figures: &Figures) -> picture::Picture {
        let all = || self.said.iter().chain(&self.heard);
        let zero = all().filter_map(|timed| timed.start_ms).fold(f64::INFINITY, f64::min);
        let track = |timed: &Timed| timed.start_ms.map_or(0.0, |start| start - zero);
        let directions: Vec<Direction<'_>> = [Side::Rider, Side::Driver]
            .into_iter()
            .map(|speaker| {
                let (said, got) = (&self.said[index(speaker)], &self.heard[index(speaker.other())]);
                let ear = match speaker {
                    Side::Rider => figures.by_driver,
                    Side::Driver => figures.by_rider,
                };
                Direction {
                    title: format!("{} to {}", speaker.name(), speaker.other().name()),
                    figures: ear.map(caption).unwrap_or_default(),
                    said: Track { sound: &said.sound, start_ms: track(said) },
                    heard: Track { sound: &got.sound, start_ms: track(got) },
                }
            })
            .collect();
        let ms = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |ms| format!("{ms:.0}"));
        let subtitle = format!(
            "connected in {} ms, path {}, loss {:.1} %",
            ms(figures.connect_ms),
            figures.path.as_deref().unwrap_or("?"),
            figures.loss.unwrap_or(0.0) * 100.0
        );
        picture::draw("Ringback demo", &subtitle, &directions)
    }
}

fn caption(ear: Ear) -> String {
    let delay = ear.mouth_to_ear_ms.map_or_else(String::new, |ms| format!(", mouth to ear {ms:.0} ms"));
    format!("heard {:.3}{delay}", ear.far)
}

fn speech(side: Side) -> Result<Sound> {
    let path = side.speech();
    Sound::read(&path).with_context(|| path.display().to_string())
}

fn index(side: Side) -> usize {
    match side {
        Side::Rider => 0,
        Side::Driver => 1,
    }
}

/// Least likeness to the far side's speech.
const FAR: f64 = 0.9;
/// Likeness to one's own speech must stay below.
const OWN: f64 = 0.5;
/// The picture's file.
pub(super) const PICTURE: &str = "call.png";

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(driver: Ear, rider: Ear) -> Figures {
        Figures { by_driver: Some(driver), by_rider: Some(rider), ..Figures::none(DeviceKind::File) }
    }

    const GOOD: Ear = Ear { far: 0.98, own: 0.15, mouth_to_ear_ms: None };

    #[test]
    fn both_sides_must_hear_the_other() {
        assert!(figures(GOOD, GOOD).ok());
        let deaf = Ear { far: 0.89, ..GOOD };
        assert!(!figures(deaf, GOOD).ok());
        assert!(!figures(GOOD, deaf).ok());
    }

    #[test]
    fn a_side_that_hears_itself_is_not_ok() {
        assert!(!figures(Ear { own: 0.5, ..GOOD }, GOOD).ok());
    }

    #[test]
    fn a_call_that_never_was_still_has_every_field() {
        let text = Figures::none(DeviceKind::Virtual).json();
        let object: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(object["ok"], false);
        assert_eq!(object.as_object().unwrap().len(), 10);
        assert!(text.starts_with(r#"{"ok":false,"ring_ms":null,"#), "{text}");
    }
}
