//! Pixels: an RGB picture with filled areas, columns and text.

use super::font;

/// An RGB colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Colour([u8; 3]);

impl Colour {
    pub(super) const fn new(red: u8, green: u8, blue: u8) -> Colour {
        Colour([red, green, blue])
    }

    /// This colour mixed with `other`: 0 is this one, 1 the other.
    pub(super) fn towards(self, other: Colour, share: f32) -> Colour {
        let mix = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * share).round() as u8;
        Colour(std::array::from_fn(|n| mix(self.0[n], other.0[n])))
    }
}

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// A picture in memory. What lies outside is left out.
#[derive(Debug, Clone)]
pub(super) struct Canvas {
    width: usize,
    height: usize,
    bytes: Vec<u8>,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize, background: Colour) -> Canvas {
        let bytes = background.0.into_iter().cycle().take(width * height * 3).collect();
        Canvas { width, height, bytes }
    }

    pub(super) fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn set(&mut self, x: usize, y: usize, colour: Colour) {
        if x < self.width && y < self.height {
            let at = (y * self.width + x) * 3;
            self.bytes[at..at + 3].copy_from_slice(&colour.0);
        }
    }

    pub(super) fn fill(&mut self, area: Area, colour: Colour) {
        for y in area.y..area.y + area.height {
            for x in area.x..area.x + area.width {
                self.set(x, y, colour);
            }
        }
    }

    /// A column that reaches `reach` pixels up and down from `middle`.
    pub(super) fn vertical(&mut self, x: usize, middle: usize, reach: usize, colour: Colour) {
        for y in middle.saturating_sub(reach)..=middle + reach {
            self.set(x, y, colour);
        }
    }

    /// Mixes a column of the picture with `colour`.
    pub(super) fn tint_column(&mut self, x: usize, top: usize, bottom: usize, colour: Colour, share: f32) {
        for y in top..bottom.min(self.height) {
            let at = (y * self.width + x) * 3;
            if let Some(&[red, green, blue]) = self.bytes.get(at..at + 3) {
                self.set(x, y, Colour::new(red, green, blue).towards(colour, share));
            }
        }
    }

    pub(super) fn text(&mut self, x: usize, y: usize, scale: usize, colour: Colour, text: &str) {
        for (n, character) in text.chars().enumerate() {
            for (row, bits) in font::glyph(character).into_iter().enumerate() {
                for column in (0..font::WIDTH).filter(|column| bits >> (font::WIDTH - 1 - column) & 1 == 1) {
                    let dot = Area {
                        x: x + (n * font::ADVANCE + column) * scale,
                        y: y + row * scale,
                        width: scale,
                        height: scale,
                    };
                    self.fill(dot, colour);
                }
            }
        }
    }

    /// Text that ends at `right`.
    pub(super) fn text_right(&mut self, right: usize, y: usize, scale: usize, colour: Colour, text: &str) {
        self.text(right.saturating_sub(text_width(text, scale)), y, scale, colour, text);
    }

    /// Text with its middle at `x`.
    pub(super) fn text_centred(&mut self, x: usize, y: usize, scale: usize, colour: Colour, text: &str) {
        self.text(x.saturating_sub(text_width(text, scale) / 2), y, scale, colour, text);
    }
}

fn text_width(text: &str, scale: usize) -> usize {
    (text.chars().count() * font::ADVANCE * scale).saturating_sub(scale)
}
