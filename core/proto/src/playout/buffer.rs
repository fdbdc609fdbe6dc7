//! The jitter buffer: what is played when.

use std::time::Duration;

use super::counters::Counters;
use super::cursor::Cursor;
use super::delay::{DelayEstimator, duration, samples_us};
use super::order::{Inserted, Pull};
use super::packet::{OpusFacts, Packet};
use super::steer::Steering;
use super::store::{Placed, Slot, Store};
use super::unwrap::{Unwrapped, Unwrapper};
use crate::Timestamp;

/// The bounds of a jitter buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlayoutConfig {
    /// The shortest delay. Default 20 ms.
    pub least: Duration,
    /// The longest delay. Default 400 ms: ITU-T G.114 calls more unfit for conversation.
    pub most: Duration,
    /// The delay to begin with, until packets tell. Default 20 ms: a jittery path raises it within a few packets.
    pub start: Duration,
}

impl Default for PlayoutConfig {
    fn default() -> Self {
        let least = Duration::from_millis(20);
        Self { least, most: Duration::from_millis(400), start: least }
    }
}

/// The jitter buffer of one stream.
///
/// Insert packets as they arrive, and pull when the sound of the pull before is used up. `P` is the owned payload; a
/// cheap clone (`Bytes`) serves best. Memory is bounded: 128 packets of 1,500 bytes. `insert` and `pull` do not
/// allocate, beyond what a clone of `P` does.
#[derive(Debug, Clone)]
pub struct JitterBuffer<P> {
    delay: DelayEstimator,
    most_us: i64,
    store: Store<P>,
    unwrapper: Unwrapper,
    stage: Stage,
    steering: Steering,
    /// Packets carry copies of the frame before, as of late: they are held this much longer, for the packet with the copy
    /// comes later by its own length.
    hold_us: i64,
    hold_until: Timestamp,
    counters: Counters,
}

/// Where playing stands.
#[derive(Debug, Clone)]
enum Stage {
    /// Nothing is played until the first packet has waited for the target delay.
    Filling,
    Playing(Cursor),
}

impl<P: AsRef<[u8]> + Clone> JitterBuffer<P> {
    /// An empty buffer.
    pub fn new(config: PlayoutConfig) -> Self {
        let most = config.most.max(config.least);
        Self {
            delay: DelayEstimator::new(config.start, config.least, most),
            most_us: i64::try_from(most.as_micros()).unwrap_or(i64::MAX / 4),
            store: Store::new(),
            unwrapper: Unwrapper::default(),
            stage: Stage::Filling,
            steering: Steering::default(),
            hold_us: 0,
            hold_until: Timestamp::ZERO,
            counters: Counters::default(),
        }
    }
    /// Takes a packet in. Call it before the pull of the same moment.
    pub fn insert(&mut self, packet: Packet<P>) -> Inserted {
        self.counters.received += 1;
        let inserted = self.try_insert(packet);
        match inserted {
            Inserted::Kept => {}
            Inserted::Duplicate => self.counters.duplicates += 1,
            Inserted::Late => self.counters.late += 1,
            Inserted::Refused => self.counters.refused += 1,
        }
        inserted
    }

    /// What the decoder is to do next. `now` is when the first sample of it will be due at the sound's sink: the present
    /// and what has been decoded but not handed on.
    pub fn pull(&mut self, now: Timestamp) -> Pull<P> {
        let pull = match &self.stage {
            Stage::Filling => self.pull_filling(now),
            Stage::Playing(_) => self.pull_playing(now),
        };
        self.counters.target = Duration::from_micros(self.target_us(now).max(0).unsigned_abs());
        pull
    }

    /// The caller took so many samples out of the frame of the last pull.
    pub fn accelerated(&mut self, samples: u32) {
        self.steering.stretched(-samples_us(i64::from(samples)));
        self.counters.accelerated += duration(samples);
    }

    /// The caller put so many samples into the frame of the last pull.
    pub fn expanded(&mut self, samples: u32) {
        self.steering.stretched(samples_us(i64::from(samples)));
        self.counters.expanded += duration(samples);
    }

    /// What has been counted, and the delay at the last pull.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How many packets wait: at most 128.
    pub fn waiting(&self) -> usize {
        self.store.len()
    }

    fn try_insert(&mut self, packet: Packet<P>) -> Inserted {
        let payload = packet.payload.as_ref();
        let Some(facts) = OpusFacts::read(payload).filter(|_| payload.len() <= MAX_PAYLOAD_BYTES) else {
            return Inserted::Refused;
        };
        let delay = &self.delay;
        let far = |position| delay.is_far(packet.arrival, position);
        let (sequence, position) = match self.unwrapper.take(packet.sequence, packet.timestamp, far) {
            Unwrapped::Next { sequence, position } => (sequence, position),
            Unwrapped::Suspect => return Inserted::Refused,
            Unwrapped::Anew { sequence, position } => {
                self.begin_anew();
                (sequence, position)
            }
        };
        let slot = Slot { sequence, position, facts, payload: packet.payload };
        if let Stage::Playing(cursor) = &mut self.stage
            && (sequence <= cursor.sequence || position < cursor.position)
        {
            if !cursor.take_missing(sequence) {
                return Inserted::Duplicate;
            }
            // It tells how long packets take, as those do that come in time.
            self.delay.observe(packet.arrival, position);
            self.counters.lost = self.counters.lost.saturating_sub(1);
            return Inserted::Late;
        }
        if self.store.is_full() {
            // A flood: keep what is newest.
            self.skip_front();
        }
        match self.store.insert(slot) {
            Placed::Duplicate => return Inserted::Duplicate,
            Placed::OutOfOrder => return Inserted::Refused,
            Placed::Kept => {}
        }
        self.delay.observe(packet.arrival, position);
        if facts.copy > 0 {
            self.hold_us = samples_us(i64::from(facts.samples));
            self.hold_until = packet.arrival + COPIES_LAST;
        }
        Inserted::Kept
    }

    fn begin_anew(&mut self) {
        self.store.clear();
        self.delay.restart();
        self.stage = Stage::Filling;
        self.steering = Steering::default();
        self.hold_until = Timestamp::ZERO;
        self.counters.resets += 1;
    }

    fn target_us(&self, now: Timestamp) -> i64 {
        let hold_us = if now < self.hold_until { self.hold_us } else { 0 };
        self.delay.target_us(hold_us)
    }

    fn pull_filling(&mut self, now: Timestamp) -> Pull<P> {
        let Some(first) = self.store.front() else {
            return Pull::Silence { samples: STEP };
        };
        if self.delay.delay_us(now, first.position) < self.target_us(now) {
            return Pull::Silence { samples: STEP };
        }
        self.stage = Stage::Playing(Cursor::before(first));
        self.pull_playing(now)
    }

    fn pull_playing(&mut self, now: Timestamp) -> Pull<P> {
        self.skip_excess(now);
        let target_us = self.target_us(now);
        let Stage::Playing(cursor) = &mut self.stage else {
            return Pull::Silence { samples: STEP };
        };
        let delay_us = self.delay.delay_us(now, cursor.position).max(0);
        self.counters.delay = Duration::from_micros(delay_us.unsigned_abs());
        let Some(front) = self.store.front() else {
            if cursor.pausing {
                return Pull::Comfort { samples: STEP };
            }
            // The packet may yet come: the position stays.
            cursor.starved = true;
            return cursor.conceal(STEP, &mut self.counters);
        };
        let gap = front.position - cursor.position;
        if gap < SMALLEST_GAP {
            return self.take_front(now, target_us);
        }
        let on_time = self.delay.delay_us(now, front.position) >= target_us;
        if cursor.pausing || front.sequence == cursor.sequence + 1 {
            // The sender left the hole: nothing is missing.
            cursor.pausing = true;
            if on_time {
                return self.take_front(now, target_us);
            }
            return Pull::Comfort { samples: STEP };
        }
        if cursor.starved && on_time {
            // What is missing has been covered while nothing was here.
            return self.take_front(now, target_us);
        }
        let gap = u32::try_from(gap).unwrap_or(u32::MAX);
        let copy = front.facts.copy;
        let soon = self.delay.delay_us(now, front.position) + samples_us(i64::from(copy)) >= target_us;
        let fits = gap.abs_diff(copy) < SMALLEST_STEP || (cursor.starved && gap > copy && soon);
        if copy > 0 && fits {
            let next = front.payload.clone();
            cursor.recover(front.sequence, front.position, &mut self.counters);
            return Pull::Recover { next, samples: copy };
        }
        if cursor.starved {
            return cursor.conceal(STEP, &mut self.counters);
        }
        // The copy covers the end of the hole.
        let hole = if gap > copy { gap - copy } else { gap };
        let samples = hole.min(cursor.frame).next_multiple_of(SMALLEST_STEP);
        let position = cursor.position + i64::from(samples);
        let passed = if gap <= samples { front.sequence - 1 } else { cursor.sequence + 1 };
        cursor.pass(passed.min(front.sequence - 1), position, &mut self.counters);
        cursor.conceal(samples, &mut self.counters)
    }

    /// Plays the packet in front, and says whether it is to be stretched.
    fn take_front(&mut self, now: Timestamp, target_us: i64) -> Pull<P> {
        let Stage::Playing(cursor) = &mut self.stage else {
            return Pull::Silence { samples: STEP };
        };
        let Some(slot) = self.store.pop() else {
            return Pull::Silence { samples: STEP };
        };
        let hole = slot.position - cursor.position >= i64::from(cursor.frame) * 2;
        let contiguous = slot.sequence == cursor.sequence + 1;
        cursor.pass(slot.sequence - 1, slot.position, &mut self.counters);
        cursor.pausing = slot.facts.is_dtx || (hole && (contiguous || cursor.pausing));
        cursor.sequence = slot.sequence;
        cursor.missing <<= 1;
        cursor.position = slot.end();
        cursor.frame = slot.facts.samples;
        cursor.concealed = 0;
        cursor.starved = false;
        let delay_us = self.delay.delay_us(now, slot.position);
        let stretch = self.steering.steer(delay_us, target_us);
        Pull::Decode { payload: slot.payload, samples: slot.facts.samples, stretch }
    }

    /// Passes over packets when the delay is beyond its bound: after a stall, everything comes at once.
    fn skip_excess(&mut self, now: Timestamp) {
        let target_us = self.target_us(now);
        let excess =
            |delay: &DelayEstimator, position| delay.delay_us(now, position) > self.most_us + EXCESS_US;
        if !self.store.front().is_some_and(|front| excess(&self.delay, front.position)) {
            return;
        }
        while self.store.len() > 1
            && self.store.front().is_some_and(|front| self.delay.delay_us(now, front.position) > target_us)
        {
            self.skip_front();
        }
        self.steering = Steering::default();
    }

    fn skip_front(&mut self) {
        let Some(slot) = self.store.pop() else { return };
        self.counters.skipped += 1;
        if let Stage::Playing(cursor) = &mut self.stage {
            cursor.pass(slot.sequence - 1, slot.position, &mut self.counters);
            cursor.sequence = slot.sequence;
            cursor.missing <<= 1;
            cursor.position = slot.end();
        }
    }
}

/// 10 ms: what is played while waiting, short so that a packet which comes is played soon.
const STEP: u32 = 480;
/// 2.5 ms, the shortest Opus frame: what a decoder can make up is a multiple of it.
const SMALLEST_STEP: u32 = 120;
/// A smaller hole cannot be filled and is passed over.
const SMALLEST_GAP: i64 = 120;
/// Senders turn copies on and off with the loss that is reported to them, every few seconds.
const COPIES_LAST: Duration = Duration::from_secs(5);
/// Beyond the longest delay by this much, packets are passed over instead of accelerated.
const EXCESS_US: i64 = 40_000;
/// What fits one Ethernet frame; an RTP packet of Opus is far below.
const MAX_PAYLOAD_BYTES: usize = 1_500;
