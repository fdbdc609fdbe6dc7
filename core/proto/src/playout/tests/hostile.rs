//! Floods, lies and nonsense.

use proptest::prelude::*;

use super::super::*;
use super::path::{Dice, PATH_US, PLAIN, Sent, listen, stream};
use crate::Timestamp;

#[test]
fn a_flood_is_bounded_and_keeps_the_newest() {
    let mut buffer = JitterBuffer::new(PlayoutConfig::default());
    for number in 0..10_000_u32 {
        let (sequence, timestamp) = (number as u16, number * 960);
        buffer.insert(Packet { sequence, timestamp, arrival: Timestamp::ZERO, payload: vec![0x48; 1_500] });
        assert!(buffer.waiting() <= 128);
    }
}

#[test]
fn a_stray_packet_from_far_away_changes_nothing() {
    let mut sent = stream(10, PLAIN, |sent_us| Some(sent_us + PATH_US));
    for (at, sequence, timestamp) in [(100, 2_900, 5), (200, 40_000, 1 << 31), (300, 20_000, u32::MAX)] {
        let arrival_us = sent[at].arrival_us + 1;
        sent.push(Sent { arrival_us, sequence, timestamp, payload: PLAIN.to_vec() });
    }
    let heard = listen(sent, 10);
    assert_eq!((heard.counters.refused, heard.counters.resets), (3, 0));
    assert_eq!((heard.counters.lost, heard.concealed_ms()), (0, 0));
}

#[test]
fn timestamps_that_contradict_the_sequence_are_refused() {
    let mut buffer = JitterBuffer::new(PlayoutConfig::default());
    let mut insert = |sequence, timestamp| {
        buffer.insert(Packet { sequence, timestamp, arrival: Timestamp::ZERO, payload: PLAIN.to_vec() })
    };
    assert_eq!(insert(10, 9_600), Inserted::Kept);
    assert_eq!(insert(11, 9_600), Inserted::Refused);
    assert_eq!(insert(12, 9_600 + 100), Inserted::Refused);
    assert_eq!(insert(13, 9_600 - 960), Inserted::Refused);
    assert_eq!(insert(14, 9_600 + 4 * 960), Inserted::Kept);
}

#[test]
fn what_is_no_opus_or_too_long_is_refused() {
    let mut buffer = JitterBuffer::new(PlayoutConfig::default());
    let mut insert = |payload: Vec<u8>| {
        buffer.insert(Packet { sequence: 0, timestamp: 0, arrival: Timestamp::ZERO, payload })
    };
    assert_eq!(insert(vec![]), Inserted::Refused);
    assert_eq!(insert(vec![0x4b]), Inserted::Refused);
    // No frame, and 63 frames of 20 ms.
    assert_eq!(insert(vec![0x4b, 0, 0]), Inserted::Refused);
    assert_eq!(insert(vec![0x4b, 63, 0]), Inserted::Refused);
    assert_eq!(insert(vec![0x48; 1_501]), Inserted::Refused);
    assert_eq!(insert(vec![0x4b, 6, 0]), Inserted::Kept);
}

#[test]
fn random_numbers_never_hold_the_sound_up() {
    let mut dice = Dice(11);
    let mut sent = stream(20, PLAIN, |sent_us| Some(sent_us + PATH_US));
    let mut random = || (dice.roll() * 4e9) as u32;
    let noise: Vec<Sent> = (0..20_000)
        .map(|number| Sent {
            arrival_us: 1_000_000 + number * 1_000,
            sequence: random() as u16,
            timestamp: random(),
            payload: PLAIN.to_vec(),
        })
        .collect();
    sent.extend(noise);
    let heard = listen(sent, 20);
    assert!(heard.most_waiting <= 128);
    assert!(heard.count("decode") >= 900, "{}", heard.count("decode"));
}

proptest! {
    #[test]
    fn no_packets_in_any_order_make_the_buffer_panic_or_grow(
        steps in prop::collection::vec(step(), 0..400)
    ) {
        let mut buffer = JitterBuffer::new(PlayoutConfig::default());
        let mut pulled = 0_u64;
        for (sequence, timestamp, arrival, payload, pulls) in steps {
            let arrival = Timestamp::from_micros(arrival);
            buffer.insert(Packet { sequence, timestamp, arrival, payload });
            prop_assert!(buffer.waiting() <= 128);
            for _ in 0..pulls {
                let pull = buffer.pull(arrival + std::time::Duration::from_micros(pulled * 125 / 6));
                // Time goes on with every pull, in steps that a decoder can make.
                prop_assert!((120..=5760).contains(&pull.samples()) && pull.samples() % 120 == 0);
                if let Pull::Decode { stretch, .. } = pull {
                    match stretch {
                        Stretch::Keep => {}
                        Stretch::Accelerate { most, .. } => buffer.accelerated(most.min(720)),
                        Stretch::Expand { most } => buffer.expanded(most.min(720)),
                    }
                }
                pulled += 480;
            }
            let counters = buffer.counters();
            prop_assert!(counters.late + counters.duplicates + counters.refused <= counters.received);
        }
    }
}

type Step = (u16, u32, u64, Vec<u8>, u8);

fn step() -> impl Strategy<Value = Step> {
    let sequence = prop_oneof![0..40_u16, 65_500..=u16::MAX, any::<u16>()];
    let timestamp = prop_oneof![(0..40_u32).prop_map(|frame| frame * 960), any::<u32>()];
    let arrival = prop_oneof![0..2_000_000_u64, Just(u64::MAX), any::<u64>()];
    let payload = prop_oneof![
        Just(vec![0x48, 0xc0, 1, 2]),
        Just(vec![0x48]),
        prop::collection::vec(any::<u8>(), 0..8),
    ];
    (sequence, timestamp, arrival, payload, 0..4_u8)
}
