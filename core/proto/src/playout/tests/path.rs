//! A sender, a path and a listener in virtual time.

use std::collections::BTreeMap;

use super::super::*;
use crate::Timestamp;

/// One packet on its way: when it arrives, and the packet.
pub(super) struct Sent {
    pub(super) arrival_us: i64,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) payload: Vec<u8>,
}

/// A stream of 20 ms packets, one for each `(arrival_us)` that `path` gives for a send time; `None` loses it.
pub(super) fn stream(seconds: u32, payload: &[u8], mut path: impl FnMut(i64) -> Option<i64>) -> Vec<Sent> {
    let sent = |number: u32| {
        let sent_us = i64::from(number) * 20_000;
        let arrival_us = path(sent_us)?;
        Some(Sent {
            arrival_us,
            // Both begin just below their wrap.
            sequence: 65_500_u16.wrapping_add(number as u16),
            timestamp: (u32::MAX - 100_000).wrapping_add(number * 960),
            payload: payload.to_vec(),
        })
    };
    (0..seconds * 50).filter_map(sent).collect()
}

/// What a listener heard.
pub(super) struct Heard {
    pub(super) counters: Counters,
    /// The delay at each decoded packet, in milliseconds, with the time it was played.
    pub(super) delays_ms: Vec<(i64, i64)>,
    /// The most packets that waited at a time.
    pub(super) most_waiting: usize,
    pub(super) pulls: BTreeMap<&'static str, u32>,
}

impl Heard {
    pub(super) fn count(&self, what: &str) -> u32 {
        self.pulls.get(what).copied().unwrap_or(0)
    }

    /// The mean delay of what was played between two times.
    pub(super) fn mean_delay_ms(&self, from_s: i64, to_s: i64) -> i64 {
        let range = from_s * 1_000_000..to_s * 1_000_000;
        let delays: Vec<i64> = self
            .delays_ms
            .iter()
            .filter(|(at_us, _)| range.contains(at_us))
            .map(|(_, delay)| *delay)
            .collect();
        delays.iter().sum::<i64>() / i64::try_from(delays.len()).unwrap().max(1)
    }

    pub(super) fn concealed_ms(&self) -> u128 {
        self.counters.concealed.as_millis()
    }

    pub(super) fn stretched_ms(&self) -> u128 {
        (self.counters.accelerated + self.counters.expanded).as_millis()
    }
}

/// Listens with a tick of 10 ms of the listener's clock until `seconds` have been heard. A stretch is carried out as
/// ordered, at most 7 ms at a time.
pub(super) fn listen(sent: Vec<Sent>, seconds: i64) -> Heard {
    let mut arrivals = sent;
    arrivals.sort_by_key(|sent| sent.arrival_us);
    let mut arrivals = arrivals.into_iter().peekable();
    let mut buffer = JitterBuffer::new(PlayoutConfig::default());
    let mut heard = Heard {
        counters: Counters::default(),
        delays_ms: Vec::new(),
        most_waiting: 0,
        pulls: BTreeMap::new(),
    };
    let mut ready = 0_i64;
    for tick in 0..seconds * 100 {
        // The tick falls 3 ms after the packets, as it would not fall with them in life either.
        let now_us = tick * 10_000 + 3_000;
        while let Some(sent) = arrivals.next_if(|sent| sent.arrival_us <= now_us) {
            let (sequence, timestamp) = (sent.sequence, sent.timestamp);
            let arrival = Timestamp::from_micros(sent.arrival_us.unsigned_abs());
            buffer.insert(Packet { sequence, timestamp, arrival, payload: sent.payload });
            heard.most_waiting = heard.most_waiting.max(buffer.waiting());
        }
        while ready < 480 {
            let due_us = now_us + ready * 125 / 6;
            let pull = buffer.pull(Timestamp::from_micros(due_us.unsigned_abs()));
            let mut samples = i64::from(pull.samples());
            assert!((1..=5760).contains(&samples), "{pull:?}");
            *heard.pulls.entry(name(&pull)).or_default() += 1;
            if let Pull::Decode { stretch, .. } = pull {
                let delay_ms = buffer.counters().delay.as_millis();
                heard.delays_ms.push((due_us, i64::try_from(delay_ms).unwrap()));
                samples += carry_out(&mut buffer, stretch);
            }
            ready += samples;
        }
        ready -= 480;
    }
    heard.counters = buffer.counters();
    heard
}

/// Numbers between 0 and 1 that are the same in every run (xorshift64*).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(super) fn between_us(&mut self, least: i64, most: i64) -> i64 {
        least + ((most - least) as f64 * self.roll()) as i64
    }
}

fn carry_out(buffer: &mut JitterBuffer<Vec<u8>>, stretch: Stretch) -> i64 {
    match stretch {
        Stretch::Keep => 0,
        Stretch::Accelerate { most, .. } if most >= 120 => {
            buffer.accelerated(most.min(336));
            -i64::from(most.min(336))
        }
        Stretch::Expand { most } if most >= 120 => {
            buffer.expanded(most.min(336));
            i64::from(most.min(336))
        }
        Stretch::Accelerate { .. } | Stretch::Expand { .. } => 0,
    }
}

fn name(pull: &Pull<Vec<u8>>) -> &'static str {
    match pull {
        Pull::Decode { .. } => "decode",
        Pull::Recover { .. } => "recover",
        Pull::Conceal { .. } => "conceal",
        Pull::Comfort { .. } => "comfort",
        Pull::Silence { .. } => "silence",
    }
}

/// Opus, wideband, 20 ms, without a copy of the frame before.
pub(super) const PLAIN: &[u8] = &[0x48, 0x80, 3, 4, 5];
/// The same with a copy.
pub(super) const WITH_COPY: &[u8] = &[0x48, 0xc0, 3, 4, 5];
/// What an encoder sends before it falls silent.
pub(super) const DTX: &[u8] = &[0x48];
/// A path of 40 ms.
pub(super) const PATH_US: i64 = 40_000;
