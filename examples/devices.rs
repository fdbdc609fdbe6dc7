//! Prints the sound devices of this machine, as `--capture device:ID` and `--playback device:ID` take them.

use std::io::Write as _;
use std::process::ExitCode;

use ringback::audio::{DeviceKind, default_devices};
use ringback_examples::terminal::harmless;

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    let listed = match default_devices().list() {
        Ok(listed) => listed,
        Err(error) => {
            let _ = writeln!(out, "devices: {error}");
            return ExitCode::FAILURE;
        }
    };
    for (title, kind) in [("Microphones", DeviceKind::Capture), ("Speakers", DeviceKind::Playback)] {
        let _ = writeln!(out, "{title}");
        let mut none = true;
        for device in listed.iter().filter(|device| device.kind == kind) {
            none = false;
            let mark = if device.is_default { "*" } else { " " };
            let (name, id) = (harmless(&device.name), harmless(&device.id.0));
            let _ = writeln!(out, "  {mark} {name}\n      device:{id}");
        }
        if none {
            let _ = writeln!(out, "    none: connect one, or start the sound server");
        }
    }
    let _ = writeln!(out, "* the default");
    ExitCode::SUCCESS
}
