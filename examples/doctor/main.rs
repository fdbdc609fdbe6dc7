//! Says what stands between this machine and a good call, in plain words.

mod args;
mod report;
mod server;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use ringback::Phone;
use ringback::diagnose::{DiagnoseOptions, Diagnosis, RootCertificates, Verdict};
use ringback::media::ice::{HttpIceServers, IceServer, IceServers, StaticIceServers};
use ringback::signaling::supabase::SupabaseSignaling;
use ringback::signaling::{StaticToken, Token};

use self::args::Args;
use self::server::{DemoToken, ServerFacts, base, is_own_machine};

#[tokio::main]
async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Nobody reads it if this fails.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(COULD_NOT_LOOK) } else { ExitCode::SUCCESS };
        }
    };
    tracing_subscriber::fmt().with_env_filter(&args.log).with_writer(std::io::stderr).init();
    match run(&args).await {
        Ok(verdict) => ExitCode::from(match verdict {
            Verdict::Skipped | Verdict::Ok => 0,
            Verdict::Warning => 1,
            Verdict::Problem => 2,
        }),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "doctor: {error}");
            ExitCode::from(COULD_NOT_LOOK)
        }
    }
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
    let facts = ServerFacts::ask(&args.server).await;
    let key = args.api_key.as_ref().or(facts.api_key.as_ref()).map_or(LOCAL_KEY, String::as_str);
    let user = args.user.parse()?;
    let signaling = match &args.token {
        Some(token) if args.private => {
            SupabaseSignaling::private(&args.server, key, user, Arc::new(StaticToken::new(token)))
        }
        Some(_) | None => SupabaseSignaling::public(&args.server, key, user),
    };
    let mut builder = Phone::builder(Arc::new(signaling.start()?)).user(&args.user);
    if let Some(servers) = ice_servers(args, &facts, key)? {
        builder = builder.ice_servers(servers);
    }
    Ok(builder.start().await?)
}

/// Those of the command line, else those of the server, if there is a way to ask it.
fn ice_servers(
    args: &Args,
    facts: &ServerFacts,
    key: &str,
) -> Result<Option<Arc<dyn IceServers>>, Box<dyn Error>> {
    if !args.ice.is_empty() {
        return Ok(Some(Arc::new(StaticIceServers::new(vec![IceServer {
            urls: args.ice.clone(),
            username: args.turn_user.clone().unwrap_or_default(),
            credential: args.turn_password.clone().unwrap_or_default(),
        }])?)));
    }
    let own = is_own_machine(&args.server);
    let (path, token): (&str, Arc<dyn Token>) = match (&facts.ice, &args.token) {
        (Some(path), Some(token)) => (path, Arc::new(StaticToken::new(token))),
        (Some(path), None) => (path, Arc::new(DemoToken::new(&args.server, &args.user))),
        (None, Some(token)) if !own => (EDGE_FUNCTION, Arc::new(StaticToken::new(token))),
        (None, Some(_) | None) => return Ok(None),
    };
    let url = format!("{}{path}", base(&args.server));
    Ok(Some(Arc::new(HttpIceServers::new(&url, key, token)?)))
}

/// The API key of a local server; not a secret.
const LOCAL_KEY: &str = "ringback-local-key";
/// Where a Supabase project mints TURN credentials.
const EDGE_FUNCTION: &str = "/functions/v1/turn-credentials";
/// The exit status when there is no diagnosis.
const COULD_NOT_LOOK: u8 = 3;
