//! Why a connection or a join is refused, in the real server's words.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

/// Why a websocket is refused, besides its key. Each is told 2 s late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectRefusal {
    /// 403: the project has switched Realtime off.
    RealtimeDisabled,
    /// 404: there is no such project.
    TenantNotFound,
    /// 429: the project's sockets are used up.
    TooManyConnectedUsers,
    /// 429: the project joins too much.
    TooManyJoins,
    /// 500: anything else.
    Broken,
}

impl ConnectRefusal {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            ConnectRefusal::RealtimeDisabled => StatusCode::FORBIDDEN,
            ConnectRefusal::TenantNotFound => StatusCode::NOT_FOUND,
            ConnectRefusal::TooManyConnectedUsers | ConnectRefusal::TooManyJoins => {
                StatusCode::TOO_MANY_REQUESTS
            }
            ConnectRefusal::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            ConnectRefusal::RealtimeDisabled => "Realtime was disabled for this tenant",
            ConnectRefusal::TenantNotFound => "Tenant not found",
            ConnectRefusal::TooManyConnectedUsers => "Too many connected users",
            ConnectRefusal::TooManyJoins => "Too many joins per second",
            ConnectRefusal::Broken => "Error connecting to Realtime",
        }
    }
}

/// Why a join is refused, besides its token and its rights. The names are the codes of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum JoinRefusal {
    /// The socket has its 100 channels.
    ChannelRateLimitReached,
    /// The project joins too much: the socket is closed, too, with 1001.
    ClientJoinRateLimitReached,
    /// The project's sockets are used up.
    ConnectionRateLimitReached,
    /// The database refuses so many attempts.
    DatabaseConnectionRateLimitReached,
    /// The database has no connection left.
    DatabaseLackOfConnections,
    /// The database does not answer in time.
    IncreaseConnectionPool,
    /// The server has just begun to connect to the database: try again.
    InitializingProjectConnection,
    /// Today's partition of the table of messages is missing: no private join works.
    MissingPartition,
    /// The project allows private channels only. As a switch it refuses public ones.
    PrivateOnly,
    /// The project has switched Realtime off.
    RealtimeDisabledForTenant,
    /// The server is going down.
    RealtimeRestarting,
    /// There is no such project: the socket is closed, too, with 1001.
    TenantNotFound,
    /// Another node of the server did not answer.
    TimeoutOnRpcCall,
    /// The topic has no name.
    TopicNameRequired,
    /// The database cannot be reached.
    UnableToConnectToProject,
    /// The stored messages could not be read.
    UnableToReplayMessages,
    /// Anything else. This one has no code on the wire.
    UnknownErrorOnChannel,
}

impl JoinRefusal {
    /// The reason of the reply.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            JoinRefusal::ChannelRateLimitReached => "ChannelRateLimitReached: Too many channels",
            JoinRefusal::ClientJoinRateLimitReached => {
                "ClientJoinRateLimitReached: Too many joins per second"
            }
            JoinRefusal::ConnectionRateLimitReached => "ConnectionRateLimitReached: Too many connected users",
            JoinRefusal::DatabaseConnectionRateLimitReached => {
                "DatabaseConnectionRateLimitReached: Too many database connections attempts per second"
            }
            JoinRefusal::DatabaseLackOfConnections => {
                "DatabaseLackOfConnections: Database can't accept more connections, Realtime won't connect"
            }
            JoinRefusal::IncreaseConnectionPool => {
                "IncreaseConnectionPool: Please increase your connection pool size"
            }
            JoinRefusal::InitializingProjectConnection => {
                "InitializingProjectConnection: Realtime is initializing the project connection"
            }
            JoinRefusal::MissingPartition => {
                "MissingPartition: Realtime was unable to find the expected messages partition"
            }
            JoinRefusal::PrivateOnly => "PrivateOnly: This project only allows private channels",
            JoinRefusal::RealtimeDisabledForTenant => {
                "RealtimeDisabledForTenant: Realtime disabled for this tenant"
            }
            JoinRefusal::RealtimeRestarting => "RealtimeRestarting: Realtime is restarting, please standby",
            JoinRefusal::TenantNotFound => "TenantNotFound: Tenant with the given ID does not exist",
            JoinRefusal::TimeoutOnRpcCall => "TimeoutOnRpcCall: Node request timeout",
            JoinRefusal::TopicNameRequired => "TopicNameRequired: You must provide a topic name",
            JoinRefusal::UnableToConnectToProject => {
                "UnableToConnectToProject: Realtime was unable to connect to the project database"
            }
            JoinRefusal::UnableToReplayMessages => {
                "UnableToReplayMessages: Realtime was unable to replay messages"
            }
            JoinRefusal::UnknownErrorOnChannel => "Unknown Error on Channel",
        }
    }

    /// Whether the socket is closed as well.
    pub(crate) fn ends_socket(self) -> bool {
        matches!(self, JoinRefusal::ClientJoinRateLimitReached | JoinRefusal::TenantNotFound)
    }

    /// Whether it concerns this kind of channel: what the database is needed for, or what is public.
    pub(crate) fn concerns(self, private: bool) -> bool {
        match self {
            JoinRefusal::PrivateOnly => !private,
            JoinRefusal::MissingPartition | JoinRefusal::IncreaseConnectionPool => private,
            JoinRefusal::ChannelRateLimitReached
            | JoinRefusal::ClientJoinRateLimitReached
            | JoinRefusal::ConnectionRateLimitReached
            | JoinRefusal::DatabaseConnectionRateLimitReached
            | JoinRefusal::DatabaseLackOfConnections
            | JoinRefusal::InitializingProjectConnection
            | JoinRefusal::RealtimeDisabledForTenant
            | JoinRefusal::RealtimeRestarting
            | JoinRefusal::TenantNotFound
            | JoinRefusal::TimeoutOnRpcCall
            | JoinRefusal::TopicNameRequired
            | JoinRefusal::UnableToConnectToProject
            | JoinRefusal::UnableToReplayMessages
            | JoinRefusal::UnknownErrorOnChannel => true,
        }
    }
}
