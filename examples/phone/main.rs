//! A phone for the terminal: it places and answers calls, with real or file devices.
//!
//! ```text
//!   args -> local_server (what it says of itself) -> setup -> Ready
//!                                                               |-- a terminal: screen -- model (pure) -- view
//!                                                               |-- a pipe:     lines  -- report
//! ```

mod args;
mod lines;
mod model;
mod report;
mod screen;
mod setup;
mod sound;
#[cfg(test)]
mod stage;
mod stderr;
mod stop;
mod view;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use self::args::Args;
use self::report::Report;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            Report::new(false).failed(&error);
            return ExitCode::FAILURE;
        }
    };
    let exit = runtime.block_on(run());
    // A thread may still read an open pipe, or wait for a sound system that hangs.
    runtime.shutdown_background();
    exit
}

async fn run() -> ExitCode {
    let args = Args::parse();
    let on_screen =
        !args.plain && !args.json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    // A log line in the middle of the screen helps nobody: there it goes to a file or nowhere.
    if !on_screen || !std::io::stderr().is_terminal() {
        let filter = EnvFilter::new(&args.log);
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    }
    let report = Report::new(args.json);
    let ran = match setup::ready(&args, on_screen).await {
        Ok(ready) if on_screen => screen::run(&args, ready).await,
        Ok(ready) => lines::run(args, ready, report).await,
        Err(error) => Err(error),
    };
    match ran {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(error) => {
            report.failed(&*error);
            ExitCode::FAILURE
        }
    }
}
