//! What is heard: the samples that come out of [`Playout`].

use proptest::prelude::*;

use super::super::stretch::{Demands, accelerate, expand};
use super::super::*;
use super::path::Dice;
use crate::Timestamp;

#[test]
fn clean_sound_comes_out_as_it_went_in() {
    let heard = play(200, |number| Some(number * 20_000), Voice::default());
    let start = heard.samples.iter().position(|sample| *sample != 0.0).unwrap();
    // The first 5 ms fade in, from a first sample of nothing.
    for at in 240..100_000 {
        assert!((heard.samples[start + at] - voice(at as i64 + 2)).abs() < 1e-3, "{at}");
    }
}

#[test]
fn a_vowel_is_shortened_and_lengthened_by_whole_periods() {
    let history: Vec<f32> = (0..1200).map(voice).collect();
    let frame: Vec<f32> = (1200..2160).map(voice).collect();
    for change in [accelerate, expand] {
        let mut changed = frame.clone();
        let samples = change(&history, &mut changed, 720, STRICT);
        assert_eq!(samples % PERIOD, 0, "{samples}");
        assert!(samples > 0);
        assert_eq!(changed.len().abs_diff(frame.len()), samples);
        // The seam is not steeper than the vowel itself.
        let whole: Vec<f32> = history.iter().chain(&changed).copied().collect();
        assert!(steepest(&whole) <= steepest(&history) * 1.05);
    }
}

#[test]
fn no_more_is_changed_than_was_ordered() {
    let history: Vec<f32> = (0..1200).map(voice).collect();
    for (change, most) in [accelerate, expand].into_iter().zip([PERIOD - 1, PERIOD - 1]) {
        let mut frame: Vec<f32> = (1200..2160).map(voice).collect();
        assert!(change(&history, &mut frame, most, Demands { likeness: -1.0, quiet: 0.0 }) <= most);
        let mut frame: Vec<f32> = (1200..2160).map(voice).collect();
        assert_eq!(change(&history, &mut frame, 119, STRICT), 0);
    }
}

#[test]
fn noise_is_left_alone_and_silence_may_be_cut_anywhere() {
    let mut dice = Dice(5);
    let noise: Vec<f32> = (0..2160).map(|_| dice.roll() as f32 - 0.5).collect();
    for change in [accelerate, expand] {
        let mut frame = noise[1200..].to_vec();
        assert_eq!(change(&noise[..1200], &mut frame, 720, STRICT), 0);
        assert_eq!(frame, noise[1200..]);
        let mut silence = vec![0.0; 960];
        assert_eq!(change(&[0.0; 1200], &mut silence, 600, STRICT), 600);
    }
}

#[test]
fn a_shorter_path_is_caught_up_with_even_in_noise() {
    for noise in [false, true] {
        let decoder = Voice { noise: noise.then_some(Dice(9)), ..Voice::default() };
        let path = |number| Some(number * 20_000 + if number < 250 { 100_000 } else { 0 });
        let heard = play(1_000, path, decoder);
        assert!(heard.counters.delay.as_millis() <= 45, "{:?}", heard.counters.delay);
        assert!(heard.counters.accelerated.as_millis() >= 80, "{:?}", heard.counters.accelerated);
        assert_eq!(heard.counters.concealed.as_millis(), 0);
    }
}

#[test]
fn what_cannot_be_decoded_is_made_up() {
    let decoder = Voice { refuses: true, ..Voice::default() };
    let heard = play(50, |number| Some(number * 20_000), decoder);
    assert!(heard.samples.iter().skip(4_000).any(|sample| *sample == MADE_UP));
}

#[test]
fn an_outage_fades_out_and_sound_fades_in_again() {
    let heard =
        play(300, |number| (!(100..150).contains(&number)).then_some(number * 20_000), Voice::default());
    let (outage, back) = (105 * 960 + 10 * 960, 151 * 960);
    assert!(heard.samples[outage..back - 4_800].iter().all(|sample| *sample == 0.0));
    assert!(heard.samples[back + 4_800..].iter().any(|sample| *sample > 0.2));
    assert!(steepest(&heard.samples) < 0.3, "{}", steepest(&heard.samples));
}

proptest! {
    #[test]
    fn any_sound_of_any_length_can_be_changed(
        history in prop::collection::vec(-1.0_f32..1.0, 0..1500),
        frame in prop::collection::vec(-1.0_f32..1.0, 0..3000),
        most in 0..2000_usize,
        likeness in -1.0_f32..1.0,
    ) {
        let demands = Demands { likeness, quiet: 1e-5 };
        let mut short = frame.clone();
        let taken = accelerate(&history, &mut short, most, demands);
        prop_assert_eq!(short.len() + taken, frame.len());
        let mut long = frame.clone();
        let put = expand(&history, &mut long, most, demands);
        prop_assert_eq!(long.len(), frame.len() + put);
        prop_assert!(taken.max(put) <= most.min(720));
        prop_assert!(short.iter().chain(&long).all(|sample| sample.abs() <= 1.0));
    }

    #[test]
    fn any_number_of_samples_can_be_asked_for(
        sizes in prop::collection::vec(0..3_000_usize, 1..50),
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 50),
    ) {
        let mut playout = Playout::new(PlayoutConfig::default(), Voice::default());
        let mut now_us = 0;
        for (number, (size, payload)) in sizes.into_iter().zip(payloads).enumerate() {
            let (sequence, timestamp) = (number as u16, number as u32 * 960);
            playout.insert(Packet { sequence, timestamp, arrival: Timestamp::from_micros(now_us), payload });
            let mut out = vec![9.0; size];
            playout.fill(Timestamp::from_micros(now_us), &mut out);
            prop_assert!(out.iter().all(|sample| sample.abs() <= 1.0));
            now_us += size as u64 * 125 / 6;
        }
    }
}

struct HeardSound {
    samples: Vec<f32>,
    counters: Counters,
}

/// Plays so many packets that arrive when `path` says.
fn play(packets: i64, path: impl Fn(i64) -> Option<i64>, decoder: Voice) -> HeardSound {
    let mut arrivals: Vec<(i64, i64)> =
        (0..packets).filter_map(|number| path(number).map(|arrival_us| (arrival_us, number))).collect();
    arrivals.sort_unstable();
    let mut arrivals = arrivals.into_iter().peekable();
    let mut playout = Playout::new(PlayoutConfig::default(), decoder);
    let mut samples = Vec::new();
    for tick in 0..packets * 2 {
        let now_us = tick * 10_000 + 3_000;
        while let Some((arrival_us, number)) = arrivals.next_if(|(arrival_us, _)| *arrival_us <= now_us) {
            let mut payload = vec![0x48, 0];
            payload.extend(number.to_be_bytes());
            playout.insert(Packet {
                sequence: number as u16,
                timestamp: number as u32 * 960,
                arrival: Timestamp::from_micros(arrival_us.unsigned_abs()),
                payload,
            });
        }
        let mut out = [0.0; 480];
        playout.fill(Timestamp::from_micros(now_us.unsigned_abs()), &mut out);
        samples.extend(out);
    }
    HeardSound { samples, counters: playout.counters() }
}

/// A decoder whose packets hold their own number: a vowel of 100 Hz, or noise.
#[derive(Default)]
struct Voice {
    noise: Option<Dice>,
    refuses: bool,
    next: i64,
}

impl FrameDecoder for Voice {
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<(), Undecodable> {
        if self.refuses {
            return Err(Undecodable);
        }
        let number = packet.get(2..10).and_then(|bytes| bytes.try_into().ok()).map_or(0, i64::from_be_bytes);
        self.next = number.wrapping_mul(960) % 4_800_000;
        for sample in out.iter_mut() {
            self.next += 1;
            *sample = match &mut self.noise {
                Some(dice) => dice.roll() as f32 * 0.4 - 0.2,
                None => voice(self.next),
            };
        }
        Ok(())
    }

    fn recover(&mut self, _: &[u8], out: &mut [f32]) -> Result<(), Undecodable> {
        self.conceal(out)
    }

    fn conceal(&mut self, out: &mut [f32]) -> Result<(), Undecodable> {
        for sample in out.iter_mut() {
            self.next += 1;
            *sample = if self.refuses { MADE_UP } else { voice(self.next) };
        }
        Ok(())
    }
}

/// A vowel: 100 Hz and overtones.
fn voice(at: i64) -> f32 {
    let phase = at.rem_euclid(PERIOD as i64) as f32 / PERIOD as f32 * std::f32::consts::TAU;
    0.3 * phase.sin() + 0.2 * (3.0 * phase).sin() + 0.1 * (7.0 * phase).cos()
}

fn steepest(sound: &[f32]) -> f32 {
    sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
}

const PERIOD: usize = 480;
const MADE_UP: f32 = 0.125;
const STRICT: Demands = Demands { likeness: 0.9, quiet: 1e-5 };
