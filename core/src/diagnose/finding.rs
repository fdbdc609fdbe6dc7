//! What a check can find, and what that is worth.

use std::net::SocketAddr;
use std::time::Duration;

use crate::audio::{DeviceError, DeviceKind};
use crate::media::ice::IceServersError;
use crate::net::failure::ServerFailure;
use crate::signaling::OfflineWhy;

/// One check, with what it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// The microphone or the speaker.
    Device {
        /// Which.
        kind: DeviceKind,
        /// What was found.
        finding: DeviceFinding,
    },
    /// The way messages travel.
    Signaling(SignalingFinding),
    /// Our wall clock. Tokens and TURN credentials hold for a time.
    Clock(ClockFinding),
    /// The list of STUN and TURN servers.
    IceServers(IceServersFinding),
    /// A STUN server.
    Stun {
        /// Its URL.
        server: String,
        /// What was found.
        finding: StunFinding,
    },
    /// Whether two servers see us at the same address.
    Mapping(MappingFinding),
    /// A TURN server over one transport.
    Turn {
        /// Its URL.
        server: String,
        /// How it was spoken to.
        transport: TurnTransport,
        /// What was found.
        finding: TurnFinding,
    },
    /// What all TURN servers together mean for calls.
    Relay(RelayFinding),
}

/// What a finding is worth; the worst is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It was not looked at.
    Skipped,
    /// It works.
    Ok,
    /// It works, but not as well as it could.
    Warning,
    /// It does not work: calls will fail, or something that was set up is of no use.
    Problem,
}

/// How a TURN server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TurnTransport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// DTLS over UDP.
    Dtls,
}

/// What was found about a sound device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceFinding {
    /// It opened.
    Opens {
        /// For people to read.
        name: String,
    },
    /// It was not to be opened.
    Listed {
        /// How many there are of its kind.
        devices: usize,
    },
    /// A call may be using it.
    InCall,
    /// It cannot be used.
    Failed(DeviceError),
    /// The sound system did not answer in time.
    Silent,
}

/// What was found about signaling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalingFinding {
    /// The server answers over the connection in use.
    Answers {
        /// There and back.
        round_trip: Duration,
    },
    /// It is online and has no way to ask for more.
    Online,
    /// No connection in time, and no reason yet.
    Connecting,
    /// It is not connected.
    Offline(OfflineWhy),
    /// It takes itself for connected, but the server does not answer.
    Silent,
}

/// What was found about our wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockFinding {
    /// The difference is known to about a second.
    Ahead {
        /// How far our clock is ahead of the server's; negative: behind.
        ms: i64,
    },
    /// Nobody told the time.
    Unknown,
}

/// What was found about the list of ICE servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IceServersFinding {
    /// The phone was built without.
    NotSet,
    /// Here it is.
    Listed {
        /// URLs of STUN servers.
        stun: usize,
        /// URLs of TURN servers.
        turn: usize,
        /// How long it holds; `None` for ever.
        expires_in: Option<Duration>,
        /// How long its source took.
        took: Duration,
    },
    /// It could not be had, or is wrong.
    Failed(IceServersError),
    /// Its source did not answer in time.
    Silent,
}

/// What was found about a STUN server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StunFinding {
    /// It answers.
    Answers {
        /// Our address as it sees it.
        mapped: SocketAddr,
        /// There and back; with repeats, if something was lost.
        round_trip: Duration,
    },
    /// It refuses, with this STUN error code.
    Refused {
        /// 300 to 699.
        code: u16,
    },
    /// It could not be asked.
    Failed(ServerFailure),
    /// STUN over TCP or TLS, which calls do not use.
    NotUsed,
}

/// Whether two servers see us at the same address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MappingFinding {
    /// They do: direct calls through this network's address translation are likely to work.
    Same,
    /// They do not: the address translation is symmetric, and calls to most other networks depend on a relay.
    Different,
    /// Fewer than two servers that can be compared answered.
    Unknown,
}

/// What was found about a TURN server over one transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnFinding {
    /// It relays for us.
    Allocates {
        /// The address that it gave us, and has back.
        relayed: SocketAddr,
        /// There and back, of the request that succeeded.
        round_trip: Duration,
    },
    /// It relays for anybody: it did not ask who we are.
    Open {
        /// The address that it gave us, and has back.
        relayed: SocketAddr,
        /// There and back.
        round_trip: Duration,
    },
    /// It refuses the user name or the password.
    CredentialsRefused,
    /// It refuses, and the user name says that it has expired.
    CredentialsExpired {
        /// Since when, by our clock.
        ago: Duration,
    },
    /// The user name does not fit into a request.
    CredentialsTooLong,
    /// This user has as many allocations as the server allows.
    QuotaReached,
    /// The server has no capacity left.
    Full,
    /// It refuses with this code.
    Refused {
        /// 300 to 699.
        code: u16,
    },
    /// It could not be asked.
    Failed(ServerFailure),
    /// TURN over DTLS, which nothing here speaks.
    NotUsed,
}

/// What all TURN servers together mean for calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayFinding {
    /// A call can be relayed.
    Works,
    /// Only TCP or TLS gets through, and calls are relayed over UDP only.
    StreamOnly,
    /// No server relays: none does, or there is none behind an address translation that needs one.
    Missing,
}

impl Check {
    /// What the finding is worth.
    pub fn verdict(&self) -> Verdict {
        match self {
            Check::Device { finding, .. } => match finding {
                DeviceFinding::Opens { .. } | DeviceFinding::Listed { .. } => Verdict::Ok,
                DeviceFinding::InCall => Verdict::Skipped,
                DeviceFinding::Failed(_) | DeviceFinding::Silent => Verdict::Problem,
            },
            Check::Signaling(finding) => match finding {
                SignalingFinding::Answers { round_trip } if *round_trip > SLOW => Verdict::Warning,
                SignalingFinding::Answers { .. } | SignalingFinding::Online => Verdict::Ok,
                SignalingFinding::Connecting | SignalingFinding::Offline(_) | SignalingFinding::Silent => {
                    Verdict::Problem
                }
            },
            Check::Clock(finding) => match finding {
                ClockFinding::Ahead { ms } if ms.unsigned_abs() > MOST_SKEW_MS => Verdict::Warning,
                ClockFinding::Ahead { .. } => Verdict::Ok,
                ClockFinding::Unknown => Verdict::Skipped,
            },
            Check::IceServers(finding) => match finding {
                IceServersFinding::NotSet | IceServersFinding::Listed { turn: 0, .. } => Verdict::Warning,
                IceServersFinding::Listed { expires_in: Some(left), .. } if *left < SHORT_LIFE => {
                    Verdict::Warning
                }
                IceServersFinding::Listed { took, .. } if *took > SLOW_LIST => Verdict::Warning,
                IceServersFinding::Listed { .. } => Verdict::Ok,
                IceServersFinding::Failed(_) | IceServersFinding::Silent => Verdict::Problem,
            },
            Check::Stun { finding, .. } => match finding {
                StunFinding::Answers { .. } => Verdict::Ok,
                StunFinding::Refused { .. } | StunFinding::Failed(_) => Verdict::Problem,
                StunFinding::NotUsed => Verdict::Skipped,
            },
            Check::Mapping(finding) => match finding {
                MappingFinding::Same => Verdict::Ok,
                MappingFinding::Different => Verdict::Warning,
                MappingFinding::Unknown => Verdict::Skipped,
            },
            Check::Turn { finding, .. } => match finding {
                TurnFinding::Allocates { .. } => Verdict::Ok,
                TurnFinding::Open { .. } => Verdict::Warning,
                TurnFinding::CredentialsRefused
                | TurnFinding::CredentialsExpired { .. }
                | TurnFinding::CredentialsTooLong
                | TurnFinding::QuotaReached
                | TurnFinding::Full
                | TurnFinding::Refused { .. }
                | TurnFinding::Failed(_) => Verdict::Problem,
                TurnFinding::NotUsed => Verdict::Skipped,
            },
            Check::Relay(finding) => match finding {
                RelayFinding::Works => Verdict::Ok,
                RelayFinding::StreamOnly | RelayFinding::Missing => Verdict::Problem,
            },
        }
    }

    /// The URL of the server in question, if the check is about one. It holds no secret.
    pub fn server(&self) -> Option<&str> {
        match self {
            Check::Stun { server, .. } | Check::Turn { server, .. } => Some(server),
            Check::Device { .. }
            | Check::Signaling(_)
            | Check::Clock(_)
            | Check::IceServers(_)
            | Check::Mapping(_)
            | Check::Relay(_) => None,
        }
    }
}

/// A call takes two round trips to ring: people notice beyond this.
const SLOW: Duration = Duration::from_secs(1);
/// Servers commonly allow a minute; half of it is a warning in time.
const MOST_SKEW_MS: u64 = 30_000;
/// A call waits a second for its first list. An Edge Function that starts cold may take two.
pub(super) const SLOW_LIST: Duration = Duration::from_millis(2_500);
/// A call that starts now would need a new list before it is connected.
pub(super) const SHORT_LIFE: Duration = Duration::from_secs(60);
