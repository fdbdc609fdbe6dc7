//! WAV files as microphone and speaker, and devices that fail.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use ringback::audio::device::{Sink, Source};
use ringback::audio::file::{WavSink, WavSource};
use ringback::audio::{DeviceError, FRAME};

#[test]
fn a_file_of_any_rate_width_and_channels_becomes_48_khz_mono() {
    let folder = Folder::new("formats");
    for (rate, channels, bits, format) in [
        (48_000, 1, 16, SampleFormat::Int),
        (8_000, 1, 8, SampleFormat::Int),
        (16_000, 2, 16, SampleFormat::Int),
        (44_100, 2, 24, SampleFormat::Int),
        (96_000, 6, 32, SampleFormat::Float),
    ] {
        let path = folder.file("in.wav");
        write_tone(
            &path,
            WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format: format },
        );
        let heard = pull(&mut WavSource::open(&path, false).unwrap(), 90);
        let tone = &heard[4_800..38_400];
        let crossings = tone.windows(2).filter(|w| w[0] <= 0.0 && w[1] > 0.0).count();
        // 500 Hz for 0.7 s.
        assert!((348..=352).contains(&crossings), "{rate} Hz {channels} x {bits}: {crossings}");
        let peak = tone.iter().fold(0f32, |m, s| m.max(s.abs()));
        assert!((0.45..0.55).contains(&peak), "{rate} Hz {channels} x {bits}: {peak}");
    }
}

#[test]
fn silence_follows_the_end_or_the_file_starts_over() {
    let folder = Folder::new("end");
    let path = folder.file("in.wav");
    write_tone(&path, MONO);
    let heard = pull(&mut WavSource::open(&path, false).unwrap(), 300);
    assert!(heard[50_000..].iter().all(|s| *s == 0.0));
    let heard = pull(&mut WavSource::open(&path, true).unwrap(), 300);
    assert!(heard.chunks(FRAME).all(|frame| frame.iter().any(|s| s.abs() > 0.3)));
}

#[test]
fn an_empty_file_that_repeats_is_silent() {
    let folder = Folder::new("empty");
    let path = folder.file("in.wav");
    WavWriter::create(&path, MONO).unwrap().finalize().unwrap();
    assert!(pull(&mut WavSource::open(&path, true).unwrap(), 3).iter().all(|s| *s == 0.0));
}

#[test]
fn what_is_no_wav_file_is_refused() {
    let folder = Folder::new("wrong");
    let refused = |path: &Path| WavSource::open(path, false).err();
    assert_eq!(refused(&folder.file("none.wav")), Some(DeviceError::File(ErrorKind::NotFound)));
    for bytes in [
        &b""[..],
        b"RIFF",
        b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\0\0",
        b"ID3 and then some more bytes of music",
    ] {
        let path = folder.file("wrong.wav");
        fs::write(&path, bytes).unwrap();
        assert_eq!(refused(&path), Some(DeviceError::NotWav), "{bytes:?}");
    }
}

#[test]
fn a_file_that_was_cut_short_is_played_as_far_as_it_goes() {
    let folder = Folder::new("cut");
    let path = folder.file("in.wav");
    write_tone(&path, MONO);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..20_001]).unwrap();
    let heard = pull(&mut WavSource::open(&path, false).unwrap(), 50);
    assert!(heard[8_500..9_900].iter().any(|s| s.abs() > 0.3));
    assert!(heard[10_000..].iter().all(|s| *s == 0.0));
}

#[test]
fn a_recording_is_whole_even_if_nobody_ends_it() {
    let folder = Folder::new("killed");
    let path = folder.file("out.wav");
    let mut sink = WavSink::create(&path).unwrap();
    for _ in 0..50 {
        sink.push(&[0.25; FRAME]).unwrap();
    }
    // A killed process runs no destructor.
    std::mem::forget(sink);
    let samples: Vec<i16> = WavReader::open(&path).unwrap().into_samples().map(Result::unwrap).collect();
    assert_eq!(samples.len(), 40 * FRAME);
    assert!(samples.iter().all(|s| *s == 8_192));
}

#[test]
fn a_recording_goes_on_where_it_ended() {
    let folder = Folder::new("append");
    let path = folder.file("out.wav");
    WavSink::create(&path).unwrap().push(&[0.5; FRAME]).unwrap();
    WavSink::append(&path).unwrap().push(&[-0.5; FRAME]).unwrap();
    let samples: Vec<i16> = WavReader::open(&path).unwrap().into_samples().map(Result::unwrap).collect();
    assert_eq!((samples.len(), samples[0], samples[FRAME]), (2 * FRAME, 16_384, -16_384));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error_and_no_panic() {
    let refused = WavSink::create(Path::new("/dev/full")).map(drop);
    assert_eq!(refused, Err(DeviceError::File(ErrorKind::StorageFull)));
    let refused = WavSink::create(Path::new("/nowhere/out.wav")).map(drop);
    assert_eq!(refused, Err(DeviceError::File(ErrorKind::NotFound)));
}

const MONO: WavSpec =
    WavSpec { channels: 1, sample_rate: 48_000, bits_per_sample: 16, sample_format: SampleFormat::Int };

/// A second of 500 Hz at half of full scale, on every channel.
fn write_tone(path: &Path, spec: WavSpec) {
    let mut writer = WavWriter::create(path, spec).unwrap();
    for n in 0..spec.sample_rate {
        let sample = 0.5 * (std::f32::consts::TAU * 500.0 * n as f32 / spec.sample_rate as f32).sin();
        for _ in 0..spec.channels {
            match spec.sample_format {
                SampleFormat::Float => writer.write_sample(sample).unwrap(),
                SampleFormat::Int => {
                    let full_scale = 2f32.powi(i32::from(spec.bits_per_sample) - 1);
                    writer.write_sample((sample * full_scale) as i32).unwrap();
                }
            }
        }
    }
    writer.finalize().unwrap();
}

fn pull(source: &mut WavSource, frames: usize) -> Vec<f32> {
    let mut all = Vec::new();
    for _ in 0..frames {
        let mut frame = [0.0; FRAME];
        source.pull(&mut frame).unwrap();
        all.extend_from_slice(&frame);
    }
    all
}

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ringback-audio-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
