//! The suite `hub`: third parties against the hub, or against a real Supabase project.
//!
//! | party | where | serializer |
//! |---|---|---|
//! | a raw websocket | `tests/interop/hub/raw.js` | both, frame by frame |
//! | `@supabase/realtime-js` | `tests/interop/hub/official.js` | 1.0.0, 2.0.0 |
//! | PyPI `realtime` | `tests/interop/hub/python` | 1.0.0 |
//! | `supabase-realtime-rs` | `tests/interop/hub/rust`, a package outside the workspace | 1.0.0 |
//!
//! All run at the same time against one server, and after them phones against a hub under faults. What only fault switches provoke is checked on servers that a check
//! starts for itself, and is skipped by name on a real project.

use std::{
    path::PathBuf,
    process::Command,
    sync::OnceLock,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    node,
    process::{self, Line},
    python,
    script::{self, Script},
    server::Server,
    tally::Tally,
    workspace,
};

/// What the suite is pointed at instead of our own server.
#[derive(Debug, Args)]
pub(crate) struct Project {
    /// Address of a Supabase project, or of a hub that runs already, for the suite `hub`. The project needs the policy
    /// that a user reads the private topic `user:<own id>` and every signed-in user writes it, and public channels.
    #[arg(long, requires_all = ["key", "secret"])]
    url: Option<String>,
    /// Its anon or publishable key.
    #[arg(long)]
    key: Option<String>,
    /// The secret that signs its tokens (HS256).
    #[arg(long)]
    secret: Option<String>,
}

/// Remembers what the suite is pointed at.
///
/// # Errors
/// Other suites than `hub` would run as well, or it was said before.
pub(crate) fn aim(project: Project, suites: &[String]) -> Result<()> {
    if project.url.is_some() && suites != ["hub"] {
        bail!("--url is for the suite `hub` alone: cargo xtask test hub --url URL --key KEY --secret SECRET");
    }
    PROJECT.set(project).or_else(|_| bail!("the project was named twice"))
}

/// Fetches and builds the third parties.
pub(crate) fn prepare() -> Result<()> {
    node::modules(&folder())?;
    python::script(&folder().join("python"), "official.py")?;
    build_rust_client()
}

/// Runs every party against the server.
pub(crate) fn suite(tally: &mut Tally, deadline: Instant) {
    if let Err(error) = run(tally, deadline) {
        tally.fail("hub", &format!("{error:#}"));
    }
}

fn run(tally: &mut Tally, deadline: Instant) -> Result<()> {
    let target = Target::find()?;
    let party = |name: &str, mut command: Command| {
        command.env("HUB_URL", &target.url).env("HUB_KEY", &target.key).env("HUB_SECRET", &target.secret);
        for (variable, program) in OWN_HUBS {
            match &target.programs {
                Some(programs) => command.env(variable, programs.join(program)),
                None => command.env_remove(variable),
            };
        }
        Script::new(name, command)
    };
    let official = |serializer: &str| -> Result<Command> {
        let mut command = node::script(&folder(), "official.js")?;
        command.arg(serializer);
        Ok(command)
    };
    let parties = vec![
        party("raw", node::script(&folder(), "raw.js")?),
        party("realtime-js 1.0.0", official("1.0.0")?),
        party("realtime-js 2.0.0", official("2.0.0")?),
        party("realtime-py", python::script(&folder().join("python"), "official.py")?),
        party("realtime-rs", Command::new(rust_target().join("debug/hub-interop"))),
    ];
    tally.add(script::run_together(parties, deadline));
    if let Some(programs) = &target.programs {
        // By themselves: twenty phones with media leave the others no time to be in time.
        let mut faults = Command::new(programs.join("bench_hub_faults"));
        faults.args(["--checks", "--seconds", FAULTS_S]);
        tally.add(Script::new("faults", faults).run(deadline));
    }
    if let Some(mut server) = target.server {
        match server.ended() {
            Some(status) => tally.fail("the server outlives its clients", &format!("it ended with {status}")),
            None => tally.pass("the server outlives its clients"),
        }
        server.stop(Duration::from_secs(5));
    }
    Ok(())
}

/// What the parties connect to.
struct Target {
    url: String,
    key: String,
    secret: String,
    /// Where the programs of [`OWN_HUBS`] lie; a real project has none.
    programs: Option<PathBuf>,
    server: Option<Server>,
}

impl Target {
    fn find() -> Result<Target> {
        if let Some(Project { url: Some(url), key: Some(key), secret: Some(secret) }) = PROJECT.get() {
            let (url, key, secret) = (url.clone(), key.clone(), secret.clone());
            return Ok(Target { url, key, secret, programs: None, server: None });
        }
        let programs = workspace::target().join("debug");
        let server = Server::start(&programs)?;
        Ok(Target {
            url: server.url().to_owned(),
            key: DEMO_KEY.to_owned(),
            secret: DEMO_SECRET.to_owned(),
            programs: Some(programs),
            server: Some(server),
        })
    }
}

fn build_rust_client() -> Result<()> {
    let manifest = folder().join("rust/Cargo.toml");
    let mut cargo = workspace::cargo(&["build", "--locked", "--quiet", "--manifest-path"]);
    cargo.arg(&manifest).env("CARGO_TARGET_DIR", rust_target());
    let mut said = String::new();
    let ended = process::run(&mut cargo, Instant::now() + BUILD_LIMIT, |line| {
        let (Line::Out(text) | Line::Err(text)) = line;
        said.push_str("\n  ");
        said.push_str(text);
    })?;
    if !ended.success() {
        bail!("{} cannot be built:{said}", manifest.display());
    }
    Ok(())
}

/// In the cache: its 200 crates are built once for every clone.
fn rust_target() -> PathBuf {
    workspace::cache().join("hub-interop-target")
}

fn folder() -> PathBuf {
    workspace::root().join("tests/interop/hub")
}

/// How long phones call through a hub under faults; an hour of it is a benchmark.
const FAULTS_S: &str = "60";

/// What a check starts a hub of its own with, by the variable that names it.
const OWN_HUBS: [(&str, &str); 2] = [("HUB_PROGRAM", "ringback-server"), ("HUB_STAND", "hub_stand")];

static PROJECT: OnceLock<Project> = OnceLock::new();

/// The server's defaults, which are no secrets.
const DEMO_KEY: &str = "ringback-local-key";
const DEMO_SECRET: &str = "ringback-local-secret-for-demos-only";

/// 200 crates without optimization take two minutes on two idle cores.
const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);
