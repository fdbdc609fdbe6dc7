//! Taps: the app supplies what is said, or receives what is heard, as 48 kHz mono samples.
//!
//! Both queues hold one second. A capture tap that runs dry says silence; a full one refuses. A playback tap that
//! nobody empties drops the newest samples and counts them. A tap outlives the calls: while no call is under way, what
//! the app supplied waits.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use rtrb::{Consumer, Producer, RingBuffer};

use crate::audio::device::{DeviceError, Sink, Source};
use crate::audio::{FRAME, RATE_HZ};

/// The app's end of a capture tap: what it writes is said.
pub struct CaptureTap {
    samples: Producer<f32>,
}

impl CaptureTap {
    /// Takes as many samples as there is room for, and says how many.
    pub fn try_write(&mut self, samples: &[f32]) -> usize {
        let (taken, _) = self.samples.push_partial_slice(samples);
        taken.len()
    }

    /// Room, in samples.
    pub fn room(&self) -> usize {
        self.samples.slots()
    }
}

/// The app's end of a playback tap: what is heard.
pub struct PlaybackTap {
    samples: Consumer<f32>,
    dropped: Arc<AtomicU64>,
}

impl PlaybackTap {
    /// Reads what is there, up to the length of `out`, and says how many samples that was.
    pub fn try_read(&mut self, out: &mut [f32]) -> usize {
        let (read, _) = self.samples.pop_partial_slice(out);
        read.len()
    }

    /// Samples that wait.
    pub fn waiting(&self) -> usize {
        self.samples.slots()
    }

    /// Samples that found no room.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}

/// The devices' end of a capture tap; lent to one opening at a time.
#[derive(Clone)]
pub struct CaptureTapPort(Slot<Consumer<f32>>);

/// The devices' end of a playback tap; lent to one opening at a time.
#[derive(Clone)]
pub struct PlaybackTapPort {
    slot: Slot<Producer<f32>>,
    dropped: Arc<AtomicU64>,
}

/// A capture tap: the app's end and the devices'.
pub fn capture_tap() -> (CaptureTap, CaptureTapPort) {
    let (producer, consumer) = RingBuffer::new(RATE_HZ as usize);
    (CaptureTap { samples: producer }, CaptureTapPort(Slot::new(consumer)))
}

/// A playback tap: the app's end and the devices'.
pub fn playback_tap() -> (PlaybackTap, PlaybackTapPort) {
    let (producer, consumer) = RingBuffer::new(RATE_HZ as usize);
    let dropped = Arc::new(AtomicU64::new(0));
    (
        PlaybackTap { samples: consumer, dropped: dropped.clone() },
        PlaybackTapPort { slot: Slot::new(producer), dropped },
    )
}

impl CaptureTapPort {
    /// # Errors
    /// [`DeviceError::InUse`] if another opening has it.
    pub(super) fn open(&self) -> Result<impl Source + 'static, DeviceError> {
        Ok(TapSource(self.0.lend()?))
    }
}

impl PlaybackTapPort {
    /// # Errors
    /// [`DeviceError::InUse`] if another opening has it.
    pub(super) fn open(&self) -> Result<impl Sink + 'static, DeviceError> {
        Ok(TapSink { samples: self.slot.lend()?, dropped: self.dropped.clone() })
    }
}

struct TapSource(Lent<Consumer<f32>>);

impl Source for TapSource {
    fn pull(&mut self, frame: &mut [f32; FRAME]) -> Result<(), DeviceError> {
        let (_, missing) = self.0.get().pop_partial_slice(frame);
        missing.fill(0.0);
        Ok(())
    }
}

struct TapSink {
    samples: Lent<Producer<f32>>,
    dropped: Arc<AtomicU64>,
}

impl Sink for TapSink {
    fn push(&mut self, frame: &[f32; FRAME]) -> Result<(), DeviceError> {
        let (_, refused) = self.samples.get().push_partial_slice(frame);
        self.dropped.fetch_add(refused.len() as u64, Relaxed);
        Ok(())
    }
}

/// Holds the end of a ring between two openings. The lock is taken when a device opens and closes only.
struct Slot<T>(Arc<Mutex<Option<T>>>);

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Slot<T> {
    fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(Some(value))))
    }

    fn lend(&self) -> Result<Lent<T>, DeviceError> {
        let value = self.0.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or(DeviceError::InUse)?;
        Ok(Lent { value: Some(value), home: self.clone() })
    }
}

/// Goes back to its slot when dropped.
struct Lent<T> {
    value: Option<T>,
    home: Slot<T>,
}

impl<T> Lent<T> {
    fn get(&mut self) -> &mut T {
        self.value.as_mut().expect("the value is taken by drop alone")
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        *self.home.0.lock().unwrap_or_else(PoisonError::into_inner) = self.value.take();
    }
}
