//! The command line of the doctor.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use ringback::proto::Language;
use ringback_examples::ice::IceArgs;
use ringback_examples::server::ServerArgs;

/// Says what stands between this machine and a good call: devices, signaling, clock, STUN and TURN.
///
/// Without --ice it asks the server for its STUN and TURN servers, as a phone does. With a local ringback-server no
/// argument is needed.
///
/// Exit status: 0 all is fine, 1 there are warnings, 2 there are problems, 3 the doctor could not look.
#[derive(Debug, Parser)]
#[command(name = "doctor", version)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) server: ServerArgs,

    /// Who is signed in; with --private the token's sub.
    #[arg(long, default_value = "doctor")]
    pub(crate) user: String,

    #[command(flatten)]
    pub(crate) ice: IceArgs,

    /// Trust these certificates (PEM) for turns: too.
    #[arg(long, value_name = "FILE")]
    pub(crate) root_certificates: Option<PathBuf>,

    /// List microphone and speaker without opening them.
    #[arg(long)]
    pub(crate) no_devices: bool,

    /// The language of the verdicts.
    #[arg(long, value_enum, default_value_t = Lang::En)]
    pub(crate) lang: Lang,

    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub(crate) json: bool,

    /// Log to standard error, such as info or ringback=debug.
    #[arg(long, env = "RINGBACK_LOG", default_value = "error")]
    pub(crate) log: String,
}

/// A language of the verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    En,
    Fr,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::En => Language::En,
            Lang::Fr => Language::Fr,
        }
    }
}
