//! A picture of a call: what each side said and what the other heard, on one time axis.
//!
//! ```text
//! +--------------------------------------------------------------+
//! | title                                               subtitle |
//! | rider to driver                                      figures |
//! |  said   ~~~ waveform ~~~                                     |
//! |         === spectrogram ===                                  |
//! |  heard  === spectrogram ===     the two spectra meet, so the |
//! |         ~~~ waveform ~~~        eye sees how alike they are  |
//! | .. the same for the other direction ..                       |
//! | 0 s        1          2          3          4                |
//! +--------------------------------------------------------------+
//! ```

use std::{fs::File, io::BufWriter, path::Path};

mod canvas;
mod font;
mod spectrum;

use crate::Sound;
use canvas::{Area, Canvas, Colour};

/// A sound and when it starts, in milliseconds on the picture's axis.
#[derive(Debug, Clone, Copy)]
pub struct Track<'a> {
    /// The recording.
    pub sound: &'a Sound,
    /// When its first sample was spoken or heard.
    pub start_ms: f64,
}

/// One direction of a call.
#[derive(Debug, Clone)]
pub struct Direction<'a> {
    /// Who speaks to whom.
    pub title: String,
    /// Figures, shown at the right of the title.
    pub figures: String,
    /// What went in.
    pub said: Track<'a>,
    /// What came out.
    pub heard: Track<'a>,
}

/// A drawn picture.
#[derive(Debug, Clone)]
pub struct Picture {
    canvas: Canvas,
}

/// Draws both directions of a call below each other. Text may use printable ASCII; other characters become `?`.
#[must_use]
pub fn draw(title: &str, subtitle: &str, directions: &[Direction<'_>]) -> Picture {
    let height = TOP + directions.len() * DIRECTION + BOTTOM;
    let mut canvas = Canvas::new(WIDTH, height, BACKGROUND);
    canvas.text(LEFT, 26, 4, BRIGHT, title);
    canvas.text_right(WIDTH - RIGHT, 36, 2, FAINT, subtitle);

    let axis = Axis::over(directions);
    for (row, direction) in directions.iter().enumerate() {
        let colour = SPEAKERS[row % SPEAKERS.len()];
        draw_direction(&mut canvas, &axis, TOP + row * DIRECTION, direction, colour);
    }
    axis.draw(&mut canvas, TOP, TOP + directions.len() * DIRECTION);
    Picture { canvas }
}

impl Picture {
    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.canvas.size()
    }

    /// Writes a PNG file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), png::EncodingError> {
        let (width, height) = self.canvas.size();
        let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), width as u32, height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(self.canvas.bytes())?;
        writer.finish()
    }
}

fn draw_direction(canvas: &mut Canvas, axis: &Axis, top: usize, direction: &Direction<'_>, colour: Colour) {
    canvas.text(LEFT, top + 8, 2, colour, &direction.title);
    canvas.text_right(WIDTH - RIGHT, top + 8, 2, BRIGHT, &direction.figures);
    let mut y = top + HEADER;
    let strips = [
        (direction.said, WAVE),
        (direction.said, SPECTRUM),
        (direction.heard, SPECTRUM),
        (direction.heard, WAVE),
    ];
    for (n, (track, height)) in strips.into_iter().enumerate() {
        let area = Area { x: LEFT, y, width: WIDTH - LEFT - RIGHT, height };
        canvas.fill(area, PANEL);
        if height == WAVE {
            waveform(canvas, axis, area, track, colour);
        } else {
            spectrogram(canvas, axis, area, track);
            canvas.text_right(LEFT - 10, y + 4, 1, FAINT, "8 kHz");
            canvas.text_right(LEFT - 10, y + height - 11, 1, FAINT, "0");
        }
        y += height + if n == 1 { SEAM } else { GAP };
    }
    let middle = top + HEADER + WAVE + GAP + SPECTRUM;
    canvas.text_right(LEFT - 10, middle - SPECTRUM / 2 - 7, 2, BRIGHT, "said");
    canvas.text_right(LEFT - 10, middle + SEAM + SPECTRUM / 2 - 7, 2, BRIGHT, "heard");
}

/// Peaks in the speaker's colour, the mean level brighter inside.
fn waveform(canvas: &mut Canvas, axis: &Axis, area: Area, track: Track<'_>, colour: Colour) {
    let loudest = track.sound.samples.iter().fold(0.0_f32, |most, s| most.max(s.abs()));
    // Silence stays a line instead of being blown up to noise.
    let scale = (area.height as f32 / 2.0 - 2.0) / loudest.max(0.02);
    let middle = area.y + area.height / 2;
    for column in 0..area.width {
        let samples = axis.samples(column, track);
        let peak = samples.iter().fold(0.0_f32, |most, s| most.max(s.abs()));
        let mean = (samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32).sqrt();
        if samples.is_empty() {
            continue;
        }
        canvas.vertical(area.x + column, middle, (peak * scale) as usize, colour.towards(PANEL, 0.55));
        canvas.vertical(area.x + column, middle, (mean * scale) as usize, colour);
    }
}

fn spectrogram(canvas: &mut Canvas, axis: &Axis, area: Area, track: Track<'_>) {
    let sound = track.sound.resampled(16_000);
    let mut spectra = spectrum::Spectra::new(&sound);
    for column in 0..area.width {
        let at_ms = axis.time_ms(column) - track.start_ms;
        let Some(levels) = spectra.at(at_ms, area.height) else { continue };
        for (row, level) in levels.into_iter().enumerate() {
            canvas.set(area.x + column, area.y + area.height - 1 - row, heat(level));
        }
    }
}

/// From the panel's colour for silence over violet and orange to a pale yellow.
fn heat(level: f32) -> Colour {
    let at = level.clamp(0.0, 1.0) * (HEAT.len() - 1) as f32;
    let below = (at as usize).min(HEAT.len() - 2);
    HEAT[below].towards(HEAT[below + 1], at - below as f32)
}

/// Maps columns of the picture to time.
struct Axis {
    start_ms: f64,
    ms_per_column: f64,
}

impl Axis {
    /// Spans every track of every direction.
    fn over(directions: &[Direction<'_>]) -> Axis {
        let tracks = || directions.iter().flat_map(|direction| [direction.said, direction.heard]);
        let start_ms = tracks().map(|track| track.start_ms).fold(f64::INFINITY, f64::min);
        let end_ms = tracks().map(|track| track.start_ms + track.sound.duration_ms()).fold(0.0, f64::max);
        let start_ms = if start_ms.is_finite() { start_ms } else { 0.0 };
        // An hour is more than any picture can show; the bound keeps a wrong stamp from costing memory or time.
        let span_ms = (end_ms - start_ms).clamp(1000.0, 3_600_000.0);
        Axis { start_ms, ms_per_column: span_ms / (WIDTH - LEFT - RIGHT) as f64 }
    }

    fn time_ms(&self, column: usize) -> f64 {
        self.start_ms + column as f64 * self.ms_per_column
    }

    fn samples<'a>(&self, column: usize, track: Track<'a>) -> &'a [f32] {
        let index = |column: usize| {
            let ms = self.time_ms(column) - track.start_ms;
            ((ms * f64::from(track.sound.rate_hz) / 1000.0).max(0.0) as usize).min(track.sound.samples.len())
        };
        &track.sound.samples[index(column)..index(column + 1)]
    }

    /// Lines and labels at whole seconds, at most about twenty of them.
    fn draw(&self, canvas: &mut Canvas, top: usize, bottom: usize) {
        let span_s = self.ms_per_column * (WIDTH - LEFT - RIGHT) as f64 / 1000.0;
        let step = [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0].into_iter().find(|step| span_s / step <= 20.0);
        let step = step.unwrap_or(600.0);
        let mut second = 0.0;
        while second <= span_s {
            let x = LEFT + (second * 1000.0 / self.ms_per_column) as usize;
            if x < WIDTH - RIGHT {
                canvas.tint_column(x, top + HEADER, bottom - GAP, FAINT, 0.18);
                let label = if second == 0.0 { "0 s".to_owned() } else { format!("{second}") };
                canvas.text_centred(x, bottom + 10, 2, FAINT, &label);
            }
            second += step;
        }
    }
}

const WIDTH: usize = 1600;
const LEFT: usize = 110;
const RIGHT: usize = 40;
const TOP: usize = 84;
const BOTTOM: usize = 46;
const HEADER: usize = 36;
const WAVE: usize = 70;
const SPECTRUM: usize = 110;
const GAP: usize = 4;
const SEAM: usize = 8;
const DIRECTION: usize = HEADER + 2 * (WAVE + SPECTRUM) + 3 * GAP + SEAM + 20;

const BACKGROUND: Colour = Colour::new(14, 17, 27);
const PANEL: Colour = Colour::new(20, 24, 38);
const BRIGHT: Colour = Colour::new(232, 236, 245);
const FAINT: Colour = Colour::new(140, 150, 175);
const SPEAKERS: [Colour; 2] = [Colour::new(72, 202, 186), Colour::new(245, 176, 82)];
const HEAT: [Colour; 6] = [
    PANEL,
    Colour::new(52, 30, 92),
    Colour::new(128, 38, 120),
    Colour::new(214, 74, 92),
    Colour::new(248, 158, 84),
    Colour::new(252, 244, 190),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_of_any_shape_can_be_drawn() {
        let tone = crate::tone(48_000, 440.0, 1500.0, -6.0);
        let empty = Sound { rate_hz: 16_000, samples: Vec::new() };
        let direction = Direction {
            title: "rider to driver".to_owned(),
            figures: "0.97".to_owned(),
            said: Track { sound: &tone, start_ms: 250.0 },
            heard: Track { sound: &empty, start_ms: 0.0 },
        };
        let (width, one) = draw("call", "", std::slice::from_ref(&direction)).size();
        let (_, two) = draw("call", "\u{1f600}", &[direction.clone(), direction]).size();
        assert_eq!(width, WIDTH);
        assert_eq!(two - one, DIRECTION);
        let (_, none) = draw("no call", "", &[]).size();
        assert_eq!(none, one - DIRECTION);
    }
}
