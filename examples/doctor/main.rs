//! Says what stands between this machine and a good call, in plain words.

mod args;
mod report;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use ringback::Phone;
use ringback::diagnose::{DiagnoseOptions, Diagnosis, RootCertificates, Verdict};
use ringback::media::ice::IceServers;
use ringback_examples::local_server::is_own_machine;
use ringback_examples::server::Server;

use self::args::Args;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Nobody reads it if this fails.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(COULD_NOT_LOOK) } else { ExitCode::SUCCESS };
        }
    };
    tracing_subscriber::fmt().with_env_filter(&args.log).with_writer(std::io::stderr).init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return could_not_look(&error),
    };
    let ran = runtime.block_on(run(&args));
    // A thread may still wait for a sound system that hangs, or for the address of a name.
    runtime.shutdown_background();
    match ran {
        Ok(verdict) => ExitCode::from(match verdict {
            Verdict::Skipped | Verdict::Ok => 0,
            Verdict::Warning => 1,
            Verdict::Problem => 2,
        }),
        Err(error) => could_not_look(&*error),
    }
}

fn could_not_look(error: &dyn Error) -> ExitCode {
    // If nobody reads, the status still tells.
    let _ = writeln!(std::io::stderr(), "doctor: {error}");
    ExitCode::from(COULD_NOT_LOOK)
}

async fn run(args: &Args) -> Result<Verdict, Box<dyn Error>> {
    let diagnosis = examine(args).await?;
    if args.json {
        report::json(&diagnosis, args.lang.into())?;
    } else {
        report::table(&diagnosis, args.lang.into())?;
    }
    Ok(diagnosis.verdict())
}

async fn examine(args: &Args) -> Result<Diagnosis, Box<dyn Error>> {
    let extra_roots = match &args.root_certificates {
        Some(file) => RootCertificates::from_pem(&std::fs::read_to_string(file)?)?,
        None => RootCertificates::default(),
    };
    let options = DiagnoseOptions { open_devices: !args.no_devices, extra_roots };
    let phone = phone(args).await?;
    let diagnosis = phone.diagnose(options).await;
    phone.close();
    phone.closed().await;
    Ok(diagnosis)
}

async fn phone(args: &Args) -> Result<Phone, Box<dyn Error>> {
    let server = args.server.ask(&args.user).await;
    let mut builder = Phone::builder(Arc::new(server.signaling()?.start()?)).user(&args.user);
    if let Some(servers) = ice_servers(args, &server)? {
        builder = builder.ice_servers(servers);
    }
    Ok(builder.start().await?)
}

/// Those of the command line, else those of the server, if there is a way to ask it.
fn ice_servers(args: &Args, server: &Server) -> Result<Option<Arc<dyn IceServers>>, Box<dyn Error>> {
    if let Some(servers) = args.ice.servers()? {
        return Ok(Some(servers));
    }
    match &server.facts.ice {
        Some(path) => server.ice_servers(path),
        None if is_own_machine(&args.server.url) => Ok(None),
        None => server.ice_servers(EDGE_FUNCTION),
    }
}

/// Where a Supabase project mints TURN credentials.
const EDGE_FUNCTION: &str = "/functions/v1/turn-credentials";
/// The exit status when there is no diagnosis.
const COULD_NOT_LOOK: u8 = 3;
