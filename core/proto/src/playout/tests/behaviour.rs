//! What is played in each situation.

use super::super::*;
use super::path::{DTX, Dice, PATH_US, PLAIN, Sent, WITH_COPY, listen, stream};
use crate::Timestamp;

#[test]
fn nothing_is_played_before_the_first_packet_has_waited() {
    let mut buffer = JitterBuffer::new(PlayoutConfig::default());
    assert_eq!(buffer.pull(at(0)), Pull::Silence { samples: 480 });
    insert(&mut buffer, 0, 1_000);
    assert_eq!(buffer.pull(at(20_999)), Pull::Silence { samples: 480 });
    assert!(matches!(buffer.pull(at(21_000)), Pull::Decode { samples: 960, .. }));
}

#[test]
fn a_lost_packet_is_restored_from_the_copy_in_the_next() {
    let mut buffer = playing(WITH_COPY);
    assert_eq!(buffer.pull(at(80_000)), Pull::Recover { next: WITH_COPY.to_vec(), samples: 960 });
    assert!(matches!(buffer.pull(at(100_000)), Pull::Decode { .. }));
    assert_eq!((buffer.counters().recovered, buffer.counters().lost), (1, 0));
}

#[test]
fn a_lost_packet_of_sixty_milliseconds_is_restored_whole() {
    // Wideband, 60 ms: three voice flags, then the copy's.
    let payload = vec![0x58, 0b0001_0000, 1];
    let mut sent: Vec<Sent> = (0..200)
        .map(|number| Sent {
            arrival_us: number * 60_000 + PATH_US,
            sequence: number as u16,
            timestamp: number as u32 * 2880,
            payload: payload.clone(),
        })
        .collect();
    sent.remove(150);
    sent.remove(100);
    let heard = listen(sent, 11);
    assert_eq!((heard.counters.recovered, heard.counters.lost, heard.concealed_ms()), (2, 0, 0));
}

#[test]
fn a_lost_packet_without_a_copy_is_concealed() {
    let mut buffer = playing(PLAIN);
    let full = Ramp { from_milli: 1000, to_milli: 1000 };
    assert_eq!(buffer.pull(at(80_000)), Pull::Conceal { samples: 960, gain: full });
    assert!(matches!(buffer.pull(at(100_000)), Pull::Decode { .. }));
    assert_eq!((buffer.counters().recovered, buffer.counters().lost), (0, 1));
}

#[test]
fn a_packet_that_comes_after_its_turn_is_late_and_not_lost() {
    let mut buffer = playing(PLAIN);
    buffer.pull(at(80_000));
    assert_eq!(insert(&mut buffer, 2, 81_000), Inserted::Late);
    assert_eq!((buffer.counters().late, buffer.counters().lost), (1, 0));
    assert_eq!(insert(&mut buffer, 2, 82_000), Inserted::Duplicate);
}

#[test]
fn a_starved_buffer_plays_the_packet_when_it_comes() {
    let mut buffer = JitterBuffer::new(PlayoutConfig::default());
    insert(&mut buffer, 0, 0);
    assert!(matches!(buffer.pull(at(20_000)), Pull::Decode { .. }));
    assert!(matches!(buffer.pull(at(40_000)), Pull::Conceal { samples: 480, .. }));
    assert!(matches!(buffer.pull(at(50_000)), Pull::Conceal { samples: 480, .. }));
    insert(&mut buffer, 1, 55_000);
    assert!(matches!(buffer.pull(at(60_000)), Pull::Decode { .. }));
    assert_eq!((buffer.counters().lost, buffer.counters().late), (0, 0));
}

#[test]
fn concealment_fades_to_silence_after_a_tenth_of_a_second() {
    let mut buffer = JitterBuffer::new(PlayoutConfig::default());
    insert(&mut buffer, 0, 0);
    assert!(matches!(buffer.pull(at(20_000)), Pull::Decode { .. }));
    let gains: Vec<Option<(u16, u16)>> = (0..14)
        .map(|step| {
            let pull = buffer.pull(at(40_000 + step * 10_000));
            assert_eq!(pull.samples(), 480);
            let Pull::Conceal { gain, .. } = pull else {
                assert_eq!(pull, Pull::Silence { samples: 480 });
                return None;
            };
            Some((gain.from_milli, gain.to_milli))
        })
        .collect();
    let mut expected = vec![Some((1000, 1000)); 10];
    expected.extend([Some((1000, 500)), Some((500, 0)), None, None]);
    assert_eq!(gains, expected);
}

#[test]
fn an_announced_silence_is_no_loss() {
    let mut sent = stream(4, PLAIN, |sent_us| Some(sent_us + PATH_US));
    // From 1 s to 3 s the sender is silent: its first packet says so, and one comes every 400 ms.
    silence(&mut sent, 50..150, 20, DTX);
    let heard = listen(sent, 4);
    assert_eq!((heard.counters.lost, heard.counters.late, heard.concealed_ms()), (0, 0, 0));
    assert!(heard.count("comfort") >= 150, "{}", heard.count("comfort"));
}

#[test]
fn a_muted_sender_that_leaves_holes_unannounced_is_concealed_once() {
    let mut sent = stream(10, PLAIN, |sent_us| Some(sent_us + PATH_US));
    silence(&mut sent, 50..450, 10, PLAIN);
    let heard = listen(sent, 10);
    assert_eq!((heard.counters.lost, heard.counters.late), (0, 0));
    assert!(heard.concealed_ms() <= 200, "{}", heard.concealed_ms());
}

#[test]
fn a_loss_within_an_announced_silence_makes_no_gap() {
    let mut sent = stream(4, PLAIN, |sent_us| Some(sent_us + PATH_US));
    silence(&mut sent, 50..150, 20, DTX);
    sent.remove(52);
    let heard = listen(sent, 4);
    assert_eq!((heard.counters.lost, heard.concealed_ms()), (1, 0));
}

#[test]
fn packets_out_of_order_are_played_in_order() {
    let mut dice = Dice(3);
    // Pairs swap: the first of each is 30 ms late, and it takes a moment to learn that.
    let sent = stream(30, PLAIN, |sent_us| {
        Some(sent_us + PATH_US + if sent_us / 20_000 % 2 == 0 { 30_000 + dice.between_us(0, 500) } else { 0 })
    });
    let heard = listen(sent, 30);
    assert_eq!((heard.counters.lost, heard.counters.refused), (0, 0));
    assert!(heard.concealed_ms() <= 60, "{}", heard.concealed_ms());
    assert!(heard.count("decode") + u32::try_from(heard.counters.late).unwrap() >= 1_495);
}

#[test]
fn a_duplicate_is_played_once() {
    let mut sent = stream(10, PLAIN, |sent_us| Some(sent_us + PATH_US));
    sent.extend(stream(10, PLAIN, |sent_us| Some(sent_us + PATH_US + 45_000)));
    let heard = listen(sent, 10);
    // The last copies come after the listener has left.
    assert_eq!(heard.counters.duplicates, 496);
    assert_eq!((heard.counters.lost, heard.counters.late, heard.concealed_ms()), (0, 0, 0));
    assert!(heard.count("decode") <= 500);
}

#[test]
fn packets_of_any_opus_length_play_without_gaps() {
    // Table of contents of SILK wideband 10, 20, 40 and 60 ms, and of CELT 2.5 and 5 ms.
    for (toc, samples) in [(0x40, 480), (0x48, 960), (0x50, 1920), (0x58, 2880), (0xe0, 120), (0xe8, 240)] {
        let length_us = samples * 125 / 6;
        let sent = (0..10_000_000 / length_us).map(|number| Sent {
            arrival_us: number * length_us + PATH_US + length_us,
            sequence: number as u16,
            timestamp: (number * samples) as u32,
            payload: vec![toc, 0x00, 1],
        });
        let heard = listen(sent.collect(), 10);
        assert_eq!((heard.counters.lost, heard.counters.late, heard.concealed_ms()), (0, 0, 0), "{samples}");
    }
}

#[test]
fn a_new_stream_under_the_same_roof_is_taken_up_with_its_second_packet() {
    let mut sent = stream(5, PLAIN, |sent_us| Some(sent_us + PATH_US));
    let other = stream(5, PLAIN, |sent_us| Some(sent_us + PATH_US + 5_000_000));
    sent.extend(other.into_iter().map(|packet| Sent {
        sequence: packet.sequence.wrapping_add(20_000),
        timestamp: packet.timestamp.wrapping_add(900_000_000),
        ..packet
    }));
    let heard = listen(sent, 10);
    assert_eq!((heard.counters.resets, heard.counters.refused), (1, 1));
    assert!(heard.count("decode") >= 496);
    assert!(heard.concealed_ms() <= 60, "{}", heard.concealed_ms());
}

#[test]
fn a_sender_whose_timestamps_stood_still_while_it_was_silent_is_followed() {
    let mut sent = stream(10, PLAIN, |sent_us| Some(sent_us + PATH_US));
    for packet in &mut sent[100..] {
        packet.arrival_us += 5_000_000;
    }
    let heard = listen(sent, 14);
    assert_eq!((heard.counters.resets, heard.counters.refused), (1, 1));
    assert!(heard.count("decode") >= 440, "{}", heard.count("decode"));
}

/// Leaves one packet of `every` within the range, with that payload and without a hole in the numbers.
fn silence(sent: &mut Vec<Sent>, range: std::ops::Range<usize>, every: usize, payload: &[u8]) {
    let mut number = 0;
    let first = sent[0].sequence;
    let mut kept = Vec::new();
    for (at, mut packet) in sent.drain(..).enumerate() {
        if range.contains(&at) {
            if !(at - range.start).is_multiple_of(every) {
                continue;
            }
            packet.payload = payload.to_vec();
        }
        packet.sequence = first.wrapping_add(number);
        number += 1;
        kept.push(packet);
    }
    *sent = kept;
}

/// A buffer with a delay of 40 ms that has played packets 0 and 1, waits for 2 and has 3; it is 80 ms.
fn playing(last: &[u8]) -> JitterBuffer<Vec<u8>> {
    let forty = std::time::Duration::from_millis(40);
    let mut buffer =
        JitterBuffer::new(PlayoutConfig { least: forty, start: forty, ..PlayoutConfig::default() });
    insert(&mut buffer, 0, 0);
    insert(&mut buffer, 1, 20_000);
    for due_us in [40_000, 60_000] {
        assert!(matches!(buffer.pull(at(due_us)), Pull::Decode { .. }));
    }
    let packet = Packet { sequence: 3, timestamp: 3 * 960, arrival: at(60_000), payload: last.to_vec() };
    assert_eq!(buffer.insert(packet), Inserted::Kept);
    buffer
}

fn insert(buffer: &mut JitterBuffer<Vec<u8>>, sequence: u16, arrival_us: u64) -> Inserted {
    let timestamp = u32::from(sequence) * 960;
    buffer.insert(Packet { sequence, timestamp, arrival: at(arrival_us), payload: PLAIN.to_vec() })
}

fn at(micros: u64) -> Timestamp {
    Timestamp::from_micros(micros)
}
