//! The suite `web`: the modules of the browser phone in Node, without a browser.
//!
//! | script of `tests/interop/web` | checks |
//! |---|---|
//! | `vectors.mjs` | decoders and allow-lists against the vectors and samples of the Rust code, the texts of the endings |
//! | `machine.mjs` | the call machine in virtual time: its rules, and random schedules |
//! | `media.mjs` | the same while a call has media: restarts, certificates, mute, messages |
//! | `page.mjs` | the border of the machine against the Rust source (times, endings), what a link may ask of the page |
//! | `types.mjs` | the JSDoc types of every module, by TypeScript |

use std::{path::PathBuf, time::Instant};

use anyhow::Result;

use crate::{node, script::Script, setup::Need, tally::Tally, workspace};

/// What the suite needs beyond [`setup::BUILD`](crate::setup::BUILD).
pub(crate) const NEEDS: &[Need] = &[Need::Node, Need::Npm];

/// Fetches the packages of the scripts.
pub(crate) fn prepare() -> Result<()> {
    node::modules(&folder()).map(drop)
}

/// Runs every script, one after the other: they take seconds.
pub(crate) fn suite(tally: &mut Tally, deadline: Instant) {
    let folder = folder();
    for (name, file) in SCRIPTS {
        match node::script(&folder, file) {
            Ok(command) => tally.add(Script::new(name, command).run(deadline)),
            Err(error) => tally.fail(name, &format!("{error:#}")),
        }
    }
}

fn folder() -> PathBuf {
    workspace::root().join("tests/interop/web")
}

const SCRIPTS: [(&str, &str); 5] = [
    ("web vectors", "vectors.mjs"),
    ("web machine", "machine.mjs"),
    ("web media", "media.mjs"),
    ("web page", "page.mjs"),
    ("web types", "types.mjs"),
];
