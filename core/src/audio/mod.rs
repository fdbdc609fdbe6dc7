//! Sound: devices, codec, playout, tones; one `tick_10ms()` for both directions.
