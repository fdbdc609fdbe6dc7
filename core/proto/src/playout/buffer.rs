//! The jitter buffer: what is played when.

use std::time::Duration;

use super::counters::Counters;
use super::delay::{DelayEstimator, samples_us};
use super::order::{Inserted, Pull, Ramp};
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
/// allocate.
#[derive(Debug, Clone)]
pub struct JitterBuffer<P> {
    delay: DelayEstimator,
    most_us: i64,
    store: Store<P>,
    unwrapper: Unwrapper,
    stage: Stage,
    steering: Steering,
    /// Packets carry copies of the frame before, as of late.
    copies_until: Timestamp,
    counters: Counters,
}

/// Where playing stands.
#[derive(Debug, Clone)]
enum Stage {
    /// Nothing is played until the first packet has waited for the target delay.
    Filling,
    Playing(Cursor),
}

/// The place of the next sample to be played.
#[derive(Debug, Clone)]
struct Cursor {
    position: i64,
    /// The newest packet whose turn is over.
    sequence: i64,
    /// Of the 64 packets up to `sequence`, lowest bit newest: it had not come.
    missing: u64,
    /// The length of the packet played last.
    frame: u32,
    /// The sender said that it falls silent, or left holes on purpose.
    pausing: bool,
    /// Samples made up since the last real one.
    concealed: u32,
    /// The last pull found nothing at all.
    starved: bool,
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
            copies_until: Timestamp::ZERO,
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
        if facts.has_fec {
            self.copies_until = packet.arrival + COPIES_LAST;
        }
        Inserted::Kept
    }

    fn begin_anew(&mut self) {
        self.store.clear();
        self.delay.restart();
        self.stage = Stage::Filling;
        self.steering = Steering::default();
        self.copies_until = Timestamp::ZERO;
        self.counters.resets += 1;
    }

    fn target_us(&self, now: Timestamp) -> i64 {
        // The copy of a frame comes one frame later.
        let hold_us = if now < self.copies_until { HOLD_US } else { 0 };
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
        let copy = gap.min(front.facts.samples).min(MAX_COPY);
        let soon = self.delay.delay_us(now, front.position) + samples_us(i64::from(copy)) >= target_us;
        if front.facts.has_fec && (copy == gap || (cursor.starved && soon)) {
            let next = front.payload.clone();
            cursor.recover(front.sequence, front.position, &mut self.counters);
            return Pull::Recover { next, samples: copy.next_multiple_of(SMALLEST_STEP) };
        }
        if cursor.starved {
            return cursor.conceal(STEP, &mut self.counters);
        }
        let samples = gap.min(cursor.frame).next_multiple_of(SMALLEST_STEP);
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

impl Cursor {
    fn before<P>(slot: &Slot<P>) -> Self {
        Self {
            position: slot.position,
            sequence: slot.sequence - 1,
            missing: 0,
            frame: slot.facts.samples,
            pausing: false,
            concealed: 0,
            starved: false,
        }
    }

    /// Everything up to `sequence` has had its turn; what did not come counts as lost until it does.
    fn pass(&mut self, sequence: i64, position: i64, counters: &mut Counters) {
        let passed = (sequence - self.sequence).clamp(0, MAX_PASSED);
        for _ in 0..passed {
            self.missing = self.missing << 1 | 1;
        }
        counters.lost += passed.unsigned_abs();
        self.sequence = self.sequence.max(sequence);
        self.position = self.position.max(position);
    }

    /// The frame before `sequence` is restored from the copy in it, whatever else is missing.
    fn recover(&mut self, sequence: i64, position: i64, counters: &mut Counters) {
        self.pass(sequence - 1, position, counters);
        self.missing &= !1;
        self.starved = false;
        self.concealed = 0;
        counters.lost = counters.lost.saturating_sub(1);
        counters.recovered += 1;
    }

    /// Whether the packet had not come when its turn was over; it counts as come from now on.
    fn take_missing(&mut self, sequence: i64) -> bool {
        let Some(bit) = u32::try_from(self.sequence - sequence).ok().and_then(|age| 1_u64.checked_shl(age))
        else {
            return true;
        };
        let missing = self.missing & bit != 0;
        self.missing &= !bit;
        missing
    }

    /// Made-up sound: at full level for 100 ms, then down to nothing within 20 ms.
    fn conceal<P>(&mut self, samples: u32, counters: &mut Counters) -> Pull<P> {
        if self.concealed == 0 {
            counters.concealments += 1;
        }
        let (from, to) = (self.concealed, self.concealed.saturating_add(samples));
        self.concealed = to;
        counters.concealed += duration(samples);
        if from >= FADE_FROM + FADE {
            return Pull::Silence { samples };
        }
        let gain_milli = |at: u32| {
            let faded = at.saturating_sub(FADE_FROM).min(FADE);
            u16::try_from((FADE - faded) * 1000 / FADE).unwrap_or(0)
        };
        Pull::Conceal { samples, gain: Ramp { from_milli: gain_milli(from), to_milli: gain_milli(to) } }
    }
}

fn duration(samples: u32) -> Duration {
    Duration::from_micros(samples_us(i64::from(samples)).unsigned_abs())
}

/// 10 ms: what is played while waiting, short so that a packet which comes is played soon.
const STEP: u32 = 480;
/// 2.5 ms, the shortest Opus frame: what a decoder can make up is a multiple of it.
const SMALLEST_STEP: u32 = 120;
/// A smaller hole cannot be filled and is passed over.
const SMALLEST_GAP: i64 = 120;
/// 20 ms: the longest frame that a copy restores (RFC 6716 section 4.2.3 has one flag for each 20 ms).
const MAX_COPY: u32 = 960;
/// A frame: the copy comes with the packet after.
const HOLD_US: i64 = 20_000;
/// Senders turn copies on and off with the loss that is reported to them, every few seconds.
const COPIES_LAST: Duration = Duration::from_secs(5);
/// Beyond the longest delay by this much, packets are passed over instead of accelerated.
const EXCESS_US: i64 = 40_000;
/// 100 ms: longer made-up sound is heard as such.
const FADE_FROM: u32 = 4_800;
/// 20 ms.
const FADE: u32 = 960;
/// What fits one Ethernet frame; an RTP packet of Opus is far below.
const MAX_PAYLOAD_BYTES: usize = 1_500;
/// More than the unwrapper lets pass in one jump.
const MAX_PASSED: i64 = 3_001;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_stream_plays_every_packet_with_twenty_milliseconds_of_delay() {
        let mut buffer = JitterBuffer::new(PlayoutConfig::default());
        let mut played = 0;
        let mut due = 0;
        for step in 0..1_000_u64 {
            let now_us = step * 10_000;
            if step % 2 == 0 {
                let sequence = (step / 2) as u16;
                let arrival = Timestamp::from_micros(now_us);
                let timestamp = u32::from(sequence) * 960;
                assert_eq!(
                    buffer.insert(Packet { sequence, timestamp, arrival, payload: vec![0x78, 1, 2, 3] }),
                    Inserted::Kept
                );
            }
            while due * 125 / 6 <= now_us {
                let pull = buffer.pull(Timestamp::from_micros(due * 125 / 6));
                due += u64::from(pull.samples());
                played +=
                    u64::from(matches!(pull, Pull::Decode { stretch: super::super::Stretch::Keep, .. }));
            }
        }
        let counters = buffer.counters();
        assert_eq!((counters.lost, counters.late, counters.concealed), (0, 0, Duration::ZERO));
        assert!(played >= 498, "{played}");
        assert_eq!(counters.delay, Duration::from_millis(20));
    }
}
