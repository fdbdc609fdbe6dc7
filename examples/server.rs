//! The signaling server as the command line and the server itself describe it.

use std::error::Error;
use std::sync::Arc;

use ringback::media::ice::{HttpIceServers, IceServers};
use ringback::signaling::Token;
use ringback::signaling::supabase::{SupabaseBuilder, SupabaseSignaling};

use crate::local_server::{ServerFacts, page};

/// Where the signaling server is, and how to be let in.
#[derive(Debug, Clone, clap::Args)]
pub struct ServerArgs {
    /// Where the signaling server is: a Supabase project's URL or a local ringback-server's.
    #[arg(
        long = "server",
        env = "RINGBACK_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:4000"
    )]
    pub url: String,

    /// The project's anon (publishable) key. Default: what a local server says, or its usual one.
    #[arg(long, env = "RINGBACK_API_KEY", hide_env_values = true)]
    api_key: Option<String>,

    /// The signed-in user's token. Private channels need it; a local demo gives one by itself.
    #[arg(long, env = "RINGBACK_TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// Use private channels: only the user's own phones can listen.
    #[arg(long)]
    private: bool,
}

/// A server, for one user.
#[derive(Clone)]
pub struct Server {
    /// What a local server says of itself.
    pub facts: ServerFacts,
    url: String,
    user: String,
    key: String,
    token: Option<Arc<dyn Token>>,
    private: bool,
}

impl ServerArgs {
    /// Asks the server what it is; 2 s at the most.
    pub async fn ask(&self, user: &str) -> Server {
        let facts = ServerFacts::ask(&self.url).await;
        let key = facts.api_key(self.api_key.as_deref()).to_owned();
        let token = facts.token(&self.url, user, self.token.as_deref());
        Server { facts, url: self.url.clone(), user: user.to_owned(), key, token, private: self.private }
    }
}

impl Server {
    /// Signaling over it, private if that was asked for.
    ///
    /// # Errors
    /// The user's name is none, or private channels were asked for without a token.
    pub fn signaling(&self) -> Result<SupabaseBuilder, Box<dyn Error>> {
        let user = self.user.parse()?;
        Ok(match &self.token {
            Some(token) if self.private => {
                SupabaseSignaling::private(&self.url, &self.key, user, Arc::clone(token))
            }
            None if self.private => return Err("private channels need a token: give one with --token".into()),
            Some(_) | None => SupabaseSignaling::public(&self.url, &self.key, user),
        })
    }

    /// The STUN and TURN servers that the page at `path` hands out to the user; `None` without a token to show there.
    ///
    /// # Errors
    /// The server's URL is none.
    pub fn ice_servers(&self, path: &str) -> Result<Option<Arc<dyn IceServers>>, Box<dyn Error>> {
        let Some(token) = &self.token else { return Ok(None) };
        let minted = HttpIceServers::new(&page(&self.url, path), &self.key, Arc::clone(token))?;
        Ok(Some(Arc::new(minted)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(token: Option<&str>, private: bool) -> Server {
        let facts = ServerFacts::default();
        let url = "https://ref.supabase.co".to_owned();
        let token = facts.token(&url, "ana", token);
        Server { key: facts.api_key(None).to_owned(), facts, url, user: "ana".into(), token, private }
    }

    #[test]
    fn private_channels_need_a_token() {
        assert!(server(None, true).signaling().is_err_and(|error| error.to_string().contains("--token")));
        assert!(server(Some("token"), true).signaling().is_ok());
        assert!(server(None, false).signaling().is_ok());
    }

    #[test]
    fn servers_are_minted_for_who_has_a_token() {
        assert!(server(None, false).ice_servers("ice").is_ok_and(|servers| servers.is_none()));
        assert!(server(Some("token"), false).ice_servers("ice").is_ok_and(|servers| servers.is_some()));
    }
}
