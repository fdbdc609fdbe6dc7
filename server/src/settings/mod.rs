//! The settings of the program: a flag wins over the environment, that over the file, that over the default.
//!
//! There is one description of every setting, the fields of [`Settings`]. The entries of the file become the defaults of
//! the flags ([`file`]), so that all three are checked by the same code and refused in the same words.

mod file;

use std::net::{AddrParseError, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser, ValueEnum, value_parser};
use ringback_server::turn::{PeerPolicy, RelayIp, TurnConfig};
use ringback_server::{DEMO_KEY, DEMO_SECRET, EchoConfig, HubConfig, Limits, StackConfig, TlsSource};
use tracing_subscriber::EnvFilter;

/// Everything a developer needs to try and test calls on one machine: a server that speaks Supabase Realtime, a phone in
/// the browser, and somebody to call.
///
/// Without any setting it is ready: open the address that it prints.
#[derive(Debug, Parser)]
#[command(name = "ringback-server", version, after_help = AFTER_HELP, max_term_width = 110)]
pub(crate) struct Settings {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, env = "RINGBACK_LISTEN", default_value = "127.0.0.1:4000", value_name = "ADDR:PORT", help_heading = START)]
    pub(crate) listen: SocketAddr,

    /// A TOML file with any of these settings: `listen = "0.0.0.0:4000"`, or `[tls]` with `cert = ".."`.
    #[arg(long, env = "RINGBACK_CONFIG", value_name = "FILE", help_heading = START)]
    config: Option<PathBuf>,

    /// Check the settings and the certificate, print them as such a file, and end.
    #[arg(long, help_heading = START)]
    pub(crate) check: bool,

    /// Demo mode: sign a token for whoever asks, and show everybody who is online [default: true on a loopback address].
    #[arg(long, env = "RINGBACK_DEMO", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new(), value_name = "BOOL", help_heading = ACCESS)]
    demo: Option<bool>,

    /// Let the address of a page and scripts drive its phone: for tests only, any link could then answer or place a call.
    #[arg(long, env = "RINGBACK_TEST_HOOKS", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = BoolishValueParser::new(), value_name = "BOOL", help_heading = ACCESS)]
    test_hooks: bool,

    /// The API key that clients present.
    #[arg(long, env = "RINGBACK_API_KEY", default_value = DEMO_KEY, hide_env_values = true, value_name = "KEY", help_heading = ACCESS)]
    api_key: String,

    /// The secret that signs users' tokens (HS256) [default: the demo's, which is public: on a loopback address or in demo
    /// mode only].
    #[arg(long, env = "RINGBACK_JWT_SECRET", default_value = DEMO_SECRET, hide_env_values = true, hide_default_value = true, value_name = "SECRET", help_heading = ACCESS)]
    jwt_secret: String,

    /// What /status and /metrics ask for as a bearer token.
    #[arg(long, env = "RINGBACK_STATUS_KEY", hide_env_values = true, value_name = "KEY", help_heading = ACCESS)]
    pub(crate) status_key: Option<String>,

    /// Speak TLS with this certificate: a PEM file, the chain behind it.
    #[arg(long, env = "RINGBACK_TLS_CERT", value_name = "FILE", help_heading = TLS)]
    tls_cert: Option<PathBuf>,

    /// The private key of the certificate: a PEM file.
    #[arg(long, env = "RINGBACK_TLS_KEY", value_name = "FILE", help_heading = TLS)]
    tls_key: Option<PathBuf>,

    /// Speak TLS with a certificate made now; browsers ask whether to trust it.
    #[arg(long, env = "RINGBACK_TLS_SELF_SIGNED", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = BoolishValueParser::new(), value_name = "BOOL", help_heading = TLS)]
    tls_self_signed: bool,

    /// A name or address for that certificate, beside localhost; may be given more than once.
    #[arg(long, env = "RINGBACK_TLS_NAME", value_delimiter = ',', value_name = "NAME", help_heading = TLS)]
    tls_name: Vec<String>,

    /// Run STUN and TURN, and give credentials to signed-in users.
    #[arg(long, env = "RINGBACK_TURN", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_parser = BoolishValueParser::new(), value_name = "BOOL", help_heading = TURN)]
    turn: bool,

    /// Where TURN listens over UDP and TCP [default: a free port of the address of --listen].
    #[arg(long, env = "RINGBACK_TURN_LISTEN", value_name = "ADDR:PORT", help_heading = TURN)]
    turn_listen: Option<SocketAddr>,

    /// The port where TURN listens over TLS, if there is TLS; 0 takes a free one.
    #[arg(long, env = "RINGBACK_TURN_TLS_PORT", default_value = "0", value_name = "PORT", help_heading = TURN)]
    turn_tls_port: u16,

    /// The host by which clients find TURN [default: the address that it listens on].
    #[arg(long, env = "RINGBACK_TURN_HOST", value_name = "HOST", help_heading = TURN)]
    turn_host: Option<String>,

    /// The address to relay from: IP, or IP/IP, the second being what peers are told behind a one-to-one NAT.
    #[arg(long, env = "RINGBACK_TURN_RELAY", value_parser = relay_ip, value_name = "IP[/IP]", help_heading = TURN)]
    turn_relay: Option<RelayIp>,

    /// The ports to relay from, such as 49152-65535 [default: any].
    #[arg(long, env = "RINGBACK_TURN_RELAY_PORTS", value_parser = ports, value_name = "FROM-TO", help_heading = TURN)]
    turn_relay_ports: Option<Ports>,

    /// The secret that credentials are made with: coturn's static-auth-secret [default: a new one at each start].
    #[arg(long, env = "RINGBACK_TURN_SECRET", hide_env_values = true, value_name = "SECRET", help_heading = TURN)]
    turn_secret: Option<String>,

    /// Whom TURN may relay to [default: any in demo mode, else public].
    #[arg(long, env = "RINGBACK_TURN_PEERS", value_name = "PEERS", help_heading = TURN)]
    turn_peers: Option<Peers>,

    /// Run an echo bot: a user who answers every call and repeats what it hears.
    #[arg(long, env = "RINGBACK_ECHO", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_parser = BoolishValueParser::new(), value_name = "BOOL", help_heading = ECHO)]
    echo: bool,

    /// The echo bot's user id.
    #[arg(long, env = "RINGBACK_ECHO_USER", default_value = "echo", value_name = "USER", help_heading = ECHO)]
    echo_user: String,

    /// After how many milliseconds it repeats what it hears.
    #[arg(long, env = "RINGBACK_ECHO_DELAY_MS", default_value = "700", value_parser = value_parser!(u64).range(0..=10_000), value_name = "MS", help_heading = ECHO)]
    echo_delay_ms: u64,

    /// After how many seconds it hangs up.
    #[arg(long, env = "RINGBACK_ECHO_LIMIT_S", default_value = "600", value_parser = value_parser!(u64).range(1..=86_400), value_name = "S", help_heading = ECHO)]
    echo_limit_s: u64,

    /// How many callers it talks to at a time; others hear that it is busy.
    #[arg(long, env = "RINGBACK_ECHO_LINES", default_value = "4", value_parser = value_parser!(u64).range(1..=32), value_name = "N", help_heading = ECHO)]
    echo_lines: u64,

    /// The largest broadcast, in bytes.
    #[arg(long, env = "RINGBACK_PAYLOAD_LIMIT_BYTES", default_value = "262144", value_parser = value_parser!(u64).range(1..=3_000_000), value_name = "BYTES", help_heading = HUB)]
    payload_limit_bytes: u64,

    /// The limits that the sockets of a project share: those of Supabase's free plan, or none.
    #[arg(long, env = "RINGBACK_LIMITS", default_value = "none", value_name = "PLAN", help_heading = HUB)]
    limits: Plan,

    /// How long a refused join stalls its socket, as on the real server, in milliseconds.
    #[arg(long, env = "RINGBACK_JOIN_STALL_MS", default_value = "5000", value_parser = value_parser!(u64).range(0..=60_000), value_name = "MS", help_heading = HUB)]
    join_stall_ms: u64,

    /// How long a refused connection waits for its answer, in milliseconds.
    #[arg(long, env = "RINGBACK_CONNECT_DELAY_MS", default_value = "2000", value_parser = value_parser!(u64).range(0..=20_000), value_name = "MS", help_heading = HUB)]
    connect_delay_ms: u64,

    /// After how many seconds a silent client is disconnected.
    #[arg(long, env = "RINGBACK_IDLE_LIMIT_S", default_value = "60", value_parser = value_parser!(u64).range(1..=86_400), value_name = "S", help_heading = HUB)]
    idle_limit_s: u64,

    /// What to log to standard error: a level, or `target=level` by commas. From debug on, logs name users.
    #[arg(long, env = "RINGBACK_LOG", default_value = LOG_FILTER, value_parser = log_filter, value_name = "FILTER", help_heading = LOGS)]
    pub(crate) log: String,

    /// How a line of the log looks.
    #[arg(long, env = "RINGBACK_LOG_FORMAT", default_value = "text", value_name = "FORMAT", help_heading = LOGS)]
    pub(crate) log_format: LogFormat,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

/// What a whole project is limited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Plan {
    /// Nothing: one developer's machine is no project under load.
    None,
    /// 200 sockets; 100 joins, 100 messages and 20 presence messages a second.
    Free,
}

/// Whom TURN may relay to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Peers {
    /// Every address that a peer can have, but loopback only if TURN listens there.
    Any,
    /// Addresses of the public internet only.
    Public,
}

/// A range of ports.
type Ports = RangeInclusive<u16>;

impl Settings {
    /// The settings of this process. `Err`: what to print, and the exit status that goes with it.
    pub(crate) fn load() -> Result<(Self, ArgMatches), clap::Error> {
        let command = Self::command();
        let command = match config_file(&command) {
            None => command,
            Some(path) => file::as_defaults(command.clone(), &path)
                .map_err(|error| command.clone().error(ErrorKind::ValueValidation, error))?,
        };
        let matches = command.try_get_matches()?;
        let settings = Self::from_arg_matches(&matches)?;
        settings.check_together()?;
        Ok((settings, matches))
    }

    /// The stack that they describe.
    pub(crate) fn stack(&self) -> StackConfig {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => Some(TlsSource::Files { cert: cert.clone(), key: key.clone() }),
            _ if self.tls_self_signed => {
                let names = self.tls_name.iter().cloned().chain([self.listen.ip().to_string()]).collect();
                Some(TlsSource::SelfSigned { names })
            }
            _ => None,
        };
        let echo = self.echo.then(|| EchoConfig {
            user: self.echo_user.clone(),
            delay: Duration::from_millis(self.echo_delay_ms),
            call_limit: Duration::from_secs(self.echo_limit_s),
            lines: small(self.echo_lines),
        });
        let hub = HubConfig {
            listen: self.listen,
            api_key: self.api_key.clone(),
            jwt_secret: self.jwt_secret.clone(),
            demo: self.is_demo(),
            payload_limit: small(self.payload_limit_bytes),
            join_refusal_stall: Duration::from_millis(self.join_stall_ms),
            connect_refusal_delay: Duration::from_millis(self.connect_delay_ms),
            idle_limit: Duration::from_secs(self.idle_limit_s),
            limits: match self.limits {
                Plan::None => Limits::default(),
                Plan::Free => Limits::free_plan(),
            },
            ..HubConfig::default()
        };
        StackConfig {
            hub,
            tls,
            test_hooks: self.test_hooks,
            turn: self.turn.then(|| self.turn()),
            turn_tls_port: self.turn_tls_port,
            echo,
            status_key: self.status_key.clone(),
        }
    }

    fn turn(&self) -> TurnConfig {
        let peers = match (self.turn_peers, self.is_demo()) {
            (Some(Peers::Any), _) | (None, true) => PeerPolicy::Any,
            (Some(Peers::Public), _) | (None, false) => PeerPolicy::Public,
        };
        TurnConfig {
            listen: self.turn_listen.unwrap_or(SocketAddr::from((self.listen.ip(), 0))),
            host: self.turn_host.clone(),
            secret: self.turn_secret.clone().unwrap_or_default(),
            relay: self.turn_relay.into_iter().collect(),
            relay_ports: self.turn_relay_ports.clone(),
            peers,
            ..TurnConfig::default()
        }
    }

    /// Whether the whole world could sign in with what this repository says.
    pub(crate) fn secret_is_public(&self) -> bool {
        self.jwt_secret == DEMO_SECRET && !self.listen.ip().is_loopback()
    }

    pub(crate) fn is_demo(&self) -> bool {
        self.demo.unwrap_or_else(|| self.listen.ip().is_loopback())
    }

    fn check_together(&self) -> Result<(), clap::Error> {
        let wrong = |why: &str| Err(Self::command().error(ErrorKind::ArgumentConflict, why));
        match (&self.tls_cert, &self.tls_key, self.tls_self_signed) {
            (Some(_), None, _) => wrong("--tls-cert needs its private key: --tls-key FILE"),
            (None, Some(_), _) => wrong("--tls-key needs its certificate: --tls-cert FILE"),
            (Some(_), Some(_), true) => {
                wrong("--tls-self-signed makes a certificate, --tls-cert names one: choose")
            }
            (Some(_), Some(_), false) | (None, None, _) if self.api_key.is_empty() => {
                wrong("--api-key is empty")
            }
            (Some(_), Some(_), false) | (None, None, _) if self.secret_is_public() && !self.is_demo() => {
                wrong(
                    "others can connect, and everybody knows the demo's signing secret: give --jwt-secret, or --demo",
                )
            }
            (Some(_), Some(_), false) | (None, None, _) => Ok(()),
        }
    }
}

/// The settings as a configuration file, with where each comes from. Secrets stay secret.
pub(crate) fn as_file(matches: &ArgMatches) -> String {
    let mut text = String::new();
    for arg in file::settings(&Settings::command()) {
        let (id, key) = (arg.get_id().as_str(), file::key(arg));
        let from = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => "flag",
            Some(ValueSource::EnvVariable) => "environment",
            Some(ValueSource::DefaultValue) | Some(_) => "",
            None => continue,
        };
        let values = matches.get_raw(id).into_iter().flatten().map(|value| value.to_string_lossy());
        let value = file::written(arg, values);
        let line = if arg.is_hide_env_values_set() {
            format!("# {key} = (secret)")
        } else {
            format!("{key} = {value}")
        };
        text.push_str(&line);
        if !from.is_empty() {
            text.push_str(&format!("  # {from}"));
        }
        text.push('\n');
    }
    text
}

/// The file that the flags or the environment name. Whatever else is wrong with them is told later.
fn config_file(command: &Command) -> Option<PathBuf> {
    let command = command.clone().ignore_errors(true).disable_help_flag(true).disable_version_flag(true);
    command.try_get_matches().ok()?.get_one::<PathBuf>("config").cloned()
}

fn log_filter(text: &str) -> Result<String, tracing_subscriber::filter::ParseError> {
    EnvFilter::builder().parse(text).map(|_| text.to_owned())
}

fn relay_ip(text: &str) -> Result<RelayIp, AddrParseError> {
    let (bind, advertise) = text.split_once('/').unwrap_or((text, text));
    Ok(RelayIp { bind: bind.parse()?, advertise: advertise.parse()? })
}

fn ports(text: &str) -> Result<Ports, &'static str> {
    let range = text.split_once('-').and_then(|(from, to)| Some(from.parse().ok()?..=to.parse().ok()?));
    range.filter(|ports| !ports.is_empty() && *ports.start() > 0).ok_or("it is not of the form FROM-TO")
}

/// The ranges of the flags fit every machine.
fn small(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// The echo bot's phone is quiet: its calls are in the figures.
const LOG_FILTER: &str = "info,ringback=warn,ringback::signaling=error,ringback_server=info";
const START: &str = "Start";
const ACCESS: &str = "Access";
const TLS: &str = "TLS";
const TURN: &str = "STUN and TURN";
const ECHO: &str = "Echo bot";
const HUB: &str = "Limits of the hub";
const LOGS: &str = "Logs";

const AFTER_HELP: &str = "\
Each setting is also an environment variable, RINGBACK_ and its name in capitals (RINGBACK_TLS_CERT), and an entry of the
file, with underscores (tls_cert) or in a table ([tls] cert). A flag wins over the environment, that over the file.";

#[cfg(test)]
mod tests;
