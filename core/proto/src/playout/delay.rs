//! How long packets take, and how long they should therefore wait.
//!
//! The *transit* of a packet is its arrival minus its RTP timestamp: only differences mean something. The smallest
//! transit of the last 2 s is the base, that of a packet that met no queue; the *relative delay* is what a packet took
//! longer than that. A histogram in bins of 10 ms forgets by 0.983 a packet; its 97th percentile, rounded up to a bin, is
//! the target. It rises at once and falls every 500 ms, by a quarter of the way or 10 ms.
//!
//! *Peaks* are rare and high, so the percentile misses them: relative delays 78 ms above the target. Two of them within
//! 10 s hold the target at the highest until none came for twice the longest time between two.

use std::time::Duration;

use crate::Timestamp;

/// The estimator of one stream.
#[derive(Debug, Clone)]
pub(super) struct DelayEstimator {
    least_us: i64,
    most_us: i64,
    base: BaseWindow,
    histogram: Histogram,
    peaks: Peaks,
    target_us: i64,
    /// When the target last fell.
    fell: Timestamp,
}

impl DelayEstimator {
    pub(super) fn new(start: Duration, least: Duration, most: Duration) -> Self {
        let (least_us, most_us) = (micros(least), micros(most));
        Self {
            least_us,
            most_us,
            base: BaseWindow::default(),
            histogram: Histogram::default(),
            peaks: Peaks::default(),
            target_us: micros(start).clamp(least_us, most_us),
            fell: Timestamp::ZERO,
        }
    }

    /// Forgets the stream; the target begins where it was.
    pub(super) fn restart(&mut self) {
        self.base = BaseWindow::default();
        self.histogram = Histogram::default();
        self.peaks = Peaks::default();
    }

    /// Takes the arrival of a packet into account.
    pub(super) fn observe(&mut self, arrival: Timestamp, position: i64) {
        let transit_us = transit_us(arrival, position);
        let rise_us = self.base.observe(arrival, transit_us);
        if rise_us >= BIN_US {
            // The path became longer for good: what was measured against the old base is that much less against the new.
            self.histogram.shift_down(rise_us / BIN_US);
        }
        let relative_us = transit_us - self.base.least_us().unwrap_or(transit_us);
        self.histogram.observe(relative_us);
        let percentile_us = self.histogram.percentile_us();
        self.peaks.observe(arrival, relative_us, percentile_us);
        self.steer(arrival, percentile_us.max(self.peaks.height_us(arrival)));
    }

    fn steer(&mut self, now: Timestamp, wanted_us: i64) {
        let wanted_us = wanted_us.clamp(self.least_us, self.most_us);
        if wanted_us >= self.target_us {
            self.target_us = wanted_us;
            self.fell = now;
        } else if now - self.fell >= FALL_EVERY {
            let step_us = ((self.target_us - wanted_us) / 4).max(BIN_US);
            self.target_us = (self.target_us - step_us).max(wanted_us);
            self.fell = now;
        }
    }

    /// What the delay is to be, with `hold_us` more for the copies to arrive.
    pub(super) fn target_us(&self, hold_us: i64) -> i64 {
        (self.target_us + hold_us).min(self.most_us)
    }

    /// From the arrival of a packet that met no queue until `now`, for the packet at `position`.
    pub(super) fn delay_us(&self, now: Timestamp, position: i64) -> i64 {
        let transit_us = transit_us(now, position);
        transit_us - self.base.least_us().unwrap_or(transit_us)
    }

    /// Whether a packet took so much longer or shorter than the others that its timestamp is of another stream.
    pub(super) fn is_far(&self, arrival: Timestamp, position: i64) -> bool {
        self.delay_us(arrival, position).abs() > FAR_US
    }
}

/// The smallest transit of the last 2 s, in 20 buckets: bounded whatever the packet rate.
#[derive(Debug, Clone, Default)]
struct BaseWindow {
    buckets: [Option<Bucket>; BUCKETS],
    least_us: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    number: u64,
    least_us: i64,
}

impl BaseWindow {
    /// Returns by how much the base rose because the packets that set it are 2 s old.
    fn observe(&mut self, arrival: Timestamp, transit_us: i64) -> i64 {
        let number = arrival.as_micros() / BUCKET_US;
        let place = &mut self.buckets[(number % BUCKETS as u64) as usize];
        match place {
            Some(bucket) if bucket.number == number => bucket.least_us = bucket.least_us.min(transit_us),
            Some(bucket) if bucket.number > number => {}
            Some(_) | None => *place = Some(Bucket { number, least_us: transit_us }),
        }
        let oldest = number.saturating_sub(BUCKETS as u64 - 1);
        let recent = self.buckets.iter().flatten().filter(|bucket| bucket.number >= oldest);
        let least_us = recent.map(|bucket| bucket.least_us).min().unwrap_or(transit_us);
        let before = self.least_us.replace(least_us);
        before.map_or(0, |before| (least_us - before).max(0))
    }

    fn least_us(&self) -> Option<i64> {
        self.least_us
    }
}

/// Relative delays, in bins of 10 ms; the last one takes everything above.
#[derive(Debug, Clone)]
struct Histogram {
    weights: [f32; BINS],
    observed: u16,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { weights: [0.0; BINS], observed: 0 }
    }
}

impl Histogram {
    fn observe(&mut self, relative_us: i64) {
        // While there are few packets, each counts the same.
        let seen = f32::from(self.observed);
        let keep = FORGET.min(seen / (seen + 1.0));
        self.observed = self.observed.saturating_add(1);
        for weight in &mut self.weights {
            *weight *= keep;
        }
        let bin = usize::try_from(relative_us / BIN_US).unwrap_or(0).min(BINS - 1);
        self.weights[bin] += 1.0 - keep;
    }

    fn shift_down(&mut self, bins: i64) {
        let bins = usize::try_from(bins).unwrap_or(0).min(BINS - 1);
        let under: f32 = self.weights[..bins].iter().sum();
        self.weights.copy_within(bins.., 0);
        self.weights[BINS - bins..].fill(0.0);
        self.weights[0] += under;
    }

    /// The upper end of the bin that the percentile falls into.
    fn percentile_us(&self) -> i64 {
        let mut sum = 0.0;
        for (weight, upper_us) in self.weights.iter().zip((BIN_US..).step_by(BIN_US as usize)) {
            sum += weight;
            if sum >= PERCENTILE {
                return upper_us;
            }
        }
        BINS as i64 * BIN_US
    }
}

/// Rare, high delays.
#[derive(Debug, Clone, Default)]
struct Peaks {
    last: Option<Timestamp>,
    /// The time since the peak before and the height, of the latest peaks.
    seen: [(Duration, i64); PEAKS],
    count: usize,
}

impl Peaks {
    fn observe(&mut self, now: Timestamp, relative_us: i64, target_us: i64) {
        if relative_us <= target_us + PEAK_US {
            return;
        }
        let Some(last) = self.last else {
            self.last = Some(now);
            self.seen[0] = (Duration::ZERO, relative_us);
            self.count = 1;
            return;
        };
        let period = now - last;
        let latest = (self.count - 1) % PEAKS;
        if period < SAME_PEAK {
            self.seen[latest].1 = self.seen[latest].1.max(relative_us);
        } else if period <= PEAK_PERIOD {
            self.seen[self.count % PEAKS] = (period, relative_us);
            self.count += 1;
            self.last = Some(now);
        } else {
            *self = Self { last: Some(now), seen: [(Duration::ZERO, relative_us); PEAKS], count: 1 };
        }
    }

    fn height_us(&self, now: Timestamp) -> i64 {
        let seen = &self.seen[..self.count.min(PEAKS)];
        let longest = seen.iter().map(|(period, _)| *period).max().unwrap_or_default();
        let lately = self.last.is_some_and(|last| now - last <= 2 * longest);
        if seen.len() < 2 || !lately {
            return 0;
        }
        seen.iter().map(|(_, height_us)| *height_us).max().unwrap_or(0)
    }
}

/// The duration of that many samples at 48 kHz, in microseconds.
pub(super) fn samples_us(samples: i64) -> i64 {
    samples * 125 / 6
}

/// The duration of that many samples at 48 kHz.
pub(super) fn duration(samples: u32) -> Duration {
    Duration::from_micros(samples_us(i64::from(samples)).unsigned_abs())
}

fn transit_us(at: Timestamp, position: i64) -> i64 {
    i64::try_from(at.as_micros()).unwrap_or(i64::MAX / 2) - samples_us(position)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

const BIN_US: i64 = 10_000;
/// Up to 400 ms, and one for more.
const BINS: usize = 41;
/// A packet's weight halves after 40 packets, 0.8 s: as NetEq has it.
const FORGET: f32 = 0.983;
const PERCENTILE: f32 = 0.97;
const BUCKET_US: u64 = 100_000;
/// 2 s: long enough to meet an empty queue, short enough to follow a drift of 200 ppm within 0.4 ms.
const BUCKETS: usize = 20;
/// No path of a conversation varies by that much: it is another stream, or its clock was set.
const FAR_US: i64 = 2_000_000;
const FALL_EVERY: Duration = Duration::from_millis(500);
/// NetEq's threshold.
const PEAK_US: i64 = 78_000;
const PEAK_PERIOD: Duration = Duration::from_secs(10);
/// The packets that one stall held back.
const SAME_PEAK: Duration = Duration::from_millis(500);
const PEAKS: usize = 8;
