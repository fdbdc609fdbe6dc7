//! Puts the phone together from the command line.

use std::sync::Arc;

use ringback::Phone;
use ringback::audio::{AudioDevices, CaptureFrom, ClockedDevices, PlaybackTo, SplitDevices, default_devices};
use ringback::media::ice::{IceServer, StaticIceServers};
use ringback::signaling::supabase::SupabaseSignaling;

use crate::args::{Args, Capture, Playback};
use crate::report::Report;
