//! A recording of a virtual sound card, and when it began.
//!
//! `parec` hands over samples as they come and does not say when they were made. A chunk arrives a little after its
//! last sample, so the arrival less the length of everything so far is the beginning plus that little; the least of
//! them over a whole recording is the beginning to a millisecond, whatever the machine was busy with meanwhile.

use std::{
    io::Read,
    process::{ChildStdout, Command},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};

use crate::process::Group;

/// A recorder at work.
#[derive(Debug)]
pub(super) struct Recorder {
    process: Group,
    begun: Arc<AtomicBool>,
    reader: JoinHandle<Option<Recorded>>,
}

/// Two channels and the moment of their first sample.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) began: Instant,
    pub(super) samples: Vec<[i16; 2]>,
}

impl Recorder {
    /// Starts `command`, which writes two channels of 16 bits at 48 kHz to its standard output.
    pub(super) fn start(command: &mut Command) -> Result<Recorder> {
        let (process, output) = Group::spawn_raw(command)?;
        let begun = Arc::new(AtomicBool::new(false));
        let flag = begun.clone();
        let reader = thread::spawn(move || read(output, &flag));
        Ok(Recorder { process, begun, reader })
    }

    /// Whether a sample has come.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Relaxed)
    }

    /// Stops the recorder.
    ///
    /// # Errors
    /// It recorded nothing.
    pub(super) fn stop(self, grace: Duration) -> Result<Recorded> {
        // The end of the process ends its output, and with it the reader.
        self.process.stop(grace);
        let recorded = self.reader.join().map_err(|_| anyhow!("the reader of a recording panicked"))?;
        recorded.context("the virtual devices delivered no sound")
    }
}

fn read(mut from: ChildStdout, begun: &AtomicBool) -> Option<Recorded> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 1 << 14];
    let mut began: Option<Instant> = None;
    // An error is the end: what came before is kept.
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        bytes.extend_from_slice(&chunk[..length]);
        let lasted = Duration::from_secs_f64(bytes.len() as f64 / BYTES_PER_SECOND);
        let candidate = Instant::now().checked_sub(lasted)?;
        began = Some(began.map_or(candidate, |began| began.min(candidate)));
        begun.store(true, Relaxed);
    }
    let samples = bytes
        .chunks_exact(BYTES_PER_FRAME)
        .map(|frame| [[frame[0], frame[1]], [frame[2], frame[3]]].map(i16::from_le_bytes))
        .collect();
    Some(Recorded { began: began?, samples })
}

const BYTES_PER_FRAME: usize = 4;
const BYTES_PER_SECOND: f64 = 48_000.0 * BYTES_PER_FRAME as f64;

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_is_found_behind_late_chunks() {
        let mut command = Command::new("sh");
        // 4,800 bytes are 25 ms, which take longer than that here: the first chunk is the punctual one.
        command.args(["-c", "for i in 1 2 3; do head -c 4800 /dev/zero; sleep 0.1; done"]);
        let before = Instant::now();
        let recorder = Recorder::start(&mut command).unwrap();
        let deadline = before + Duration::from_secs(20);
        while !recorder.has_begun() {
            assert!(Instant::now() < deadline, "nothing was recorded");
            thread::park_timeout(Duration::from_millis(5));
        }
        let after = Instant::now();
        let mut process = recorder;
        process.process.wait(Duration::from_secs(20)).unwrap();
        let recorded = process.stop(Duration::from_secs(1)).unwrap();
        assert_eq!(recorded.samples, vec![[0, 0]; 3600]);
        assert!(recorded.began <= after);
        assert!(recorded.began + Duration::from_millis(25) >= before);
    }

    #[test]
    fn a_recorder_without_sound_is_an_error() {
        assert!(Recorder::start(&mut Command::new("true")).unwrap().stop(Duration::from_secs(5)).is_err());
    }
}
