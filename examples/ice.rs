//! STUN and TURN servers from the command line.

use std::sync::Arc;

use ringback::media::ice::{IceServer, IceServers, IceServersError, StaticIceServers};

/// STUN and TURN servers from the command line.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct IceArgs {
    /// A STUN or TURN server: stun:HOST, turn:HOST, turn:HOST?transport=tcp, turns:HOST. May be given more than once.
    #[arg(long = "ice", value_name = "URL")]
    ice: Vec<String>,

    /// The TURN user name.
    #[arg(long, requires = "turn_password")]
    turn_user: Option<String>,

    /// The TURN password.
    #[arg(long, env = "RINGBACK_TURN_PASSWORD", hide_env_values = true)]
    turn_password: Option<String>,
}

impl IceArgs {
    /// The servers that were given; `None` without any.
    ///
    /// # Errors
    /// A URL is not one of a STUN or TURN server.
    pub fn servers(&self) -> Result<Option<Arc<dyn IceServers>>, IceServersError> {
        if self.ice.is_empty() {
            return Ok(None);
        }
        let servers = StaticIceServers::new(vec![IceServer {
            urls: self.ice.clone(),
            username: self.turn_user.clone().unwrap_or_default(),
            credential: self.turn_password.clone().unwrap_or_default(),
        }])?;
        Ok(Some(Arc::new(servers)))
    }
}
