//! Sound: devices, codec, playout, tones; one `tick_10ms()` for both directions.
//!
//! ```text
//!  microphone callback -> ring -+                                        +-> ring -> speaker callback
//!  file, tone, tap -------------+-> [ Engine::tick_10ms ] ---------------+-> file, tap, nothing
//!                                     |               ^
//!           20 ms Opus, once for all legs             jitter buffer, decoder and time stretch of each leg
//!                                     v               |
//!                               SoundLink.outgoing   SoundLink.incoming        (one link per connection)
//! ```
//!
//! | file | what it is |
//! |---|---|
//! | [`device`] | the port `AudioDevices`, sources and sinks |
//! | [`clocked`] | devices without hardware: [`mod@file`], [`synthetic`], [`tap`], pairs of devices |
//! | [`cpal`] | the devices of a desktop |
//! | [`callback`], [`ring`] | what runs on a device's real-time thread, and the ring to it |
//! | `codec`, `leg`, `tones`, `level` | Opus, one connection, progress tones, loudness |
//! | `engine` | the tick |
//! | `handle`, `run` | the door to it, and the thread or task that calls it |
//!
//! Sound is `f32`, mono, 48 kHz, in frames of 10 ms. The engine runs on one thread per phone that exists only while
//! something is open or played, and wakes 100 times a second; under [`ClockMode::Tokio`] a timer task calls it, and it
//! reads no clock but tokio's. Voice processing and redundancy (RFC 2198) are not here yet.

pub mod callback;
pub mod clocked;
mod codec;
#[cfg(feature = "cpal")]
pub mod cpal;
pub mod device;
mod drift;
mod engine;
pub mod file;
mod handle;
mod leg;
mod level;
mod opening;
mod resample;
pub mod ring;
mod run;
pub mod synthetic;
pub mod tap;
mod tones;
#[cfg(feature = "diagnose")]
mod trial;

pub use clocked::{CaptureFrom, ClockedDevices, PlaybackTo, SplitDevices};
pub use codec::{CodecError, EncoderConfig};
pub use device::{AudioDevice, AudioDeviceId, AudioDevices, DeviceChoice, DeviceError, DeviceKind};
pub use handle::{AudioConfig, AudioEngine, AudioEvent, AudioEvents, AudioHandle, ClockMode};
pub use leg::AudioStats;
pub use tones::TonePlan;

/// The rate of all sound inside, in hertz.
pub const RATE_HZ: u32 = 48_000;
/// Samples of a tick: 10 ms.
pub const FRAME: usize = 480;

/// The sound devices of this machine; without the feature `cpal` there are none, and opening them says so.
pub fn default_devices() -> std::sync::Arc<dyn AudioDevices> {
    #[cfg(feature = "cpal")]
    {
        std::sync::Arc::new(cpal::CpalDevices::new())
    }
    #[cfg(not(feature = "cpal"))]
    {
        std::sync::Arc::new(ClockedDevices::new(
            CaptureFrom::Failing(DeviceError::NoDevice),
            PlaybackTo::Failing(DeviceError::NoDevice),
        ))
    }
}
