//! Where the project is: its URL, checked once.

use hyper::http::Uri;
use hyper::http::uri::Scheme;

use super::BuildError;
use crate::net::host::is_local;

/// A checked base URL.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    secure: bool,
    host: String,
    port: u16,
    prefix: String,
}

impl Endpoint {
    /// Reads `https://ref.supabase.co`, `wss://..`, or for machines of one's own `http://` and `ws://`.
    pub(super) fn parse(url: &str) -> Result<Self, BuildError> {
        let uri: Uri = url.trim().parse().map_err(|_| BuildError::Url)?;
        let secure = match uri.scheme().map(Scheme::as_str) {
            Some("https" | "wss") => true,
            Some("http" | "ws") => false,
            Some(_) | None => return Err(BuildError::Url),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(BuildError::Url)?;
        if uri.query().is_some() {
            return Err(BuildError::Url);
        }
        if !secure && !is_local(host) {
            return Err(BuildError::Insecure);
        }
        let prefix = uri.path().trim_end_matches('/').trim_end_matches("/realtime/v1").to_owned();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Ok(Self { secure, host: host.to_owned(), port, prefix })
    }

    pub(super) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Host and port to connect to; an IPv6 address without its brackets.
    pub(super) fn address(&self) -> (&str, u16) {
        (self.host.trim_matches(['[', ']']), self.port)
    }

    pub(super) fn websocket(&self, api_key: &str, vsn: &str) -> String {
        let scheme = if self.secure { "wss" } else { "ws" };
        let Self { host, port, prefix, .. } = self;
        let key = escaped(api_key);
        format!("{scheme}://{host}:{port}{prefix}/realtime/v1/websocket?apikey={key}&vsn={vsn}")
    }

    /// The root: whatever it answers has a date.
    pub(super) fn root(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        let Self { host, port, prefix, .. } = self;
        format!("{scheme}://{host}:{port}{prefix}/")
    }

    pub(super) fn broadcast(&self, topic: &str, event: &str) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        let Self { host, port, prefix, .. } = self;
        let (topic, event) = (escaped(topic), escaped(event));
        format!(
            "{scheme}://{host}:{port}{prefix}/realtime/v1/api/broadcast/{topic}/events/{event}?private=true"
        )
    }
}

/// Percent-encodes what is not unreserved (RFC 3986 section 2.3).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_url_gives_both_addresses() {
        let endpoint = Endpoint::parse("https://abc.supabase.co/").unwrap();
        assert_eq!(
            endpoint.websocket("k+y", "2.0.0"),
            "wss://abc.supabase.co:443/realtime/v1/websocket?apikey=k%2By&vsn=2.0.0"
        );
        assert_eq!(
            endpoint.broadcast("user:u@1", "rb1"),
            "https://abc.supabase.co:443/realtime/v1/api/broadcast/user%3Au%401/events/rb1?private=true"
        );
    }

    #[test]
    fn an_open_connection_is_for_ones_own_machines_only() {
        for local in ["http://127.0.0.1:4000", "ws://[::1]:4000", "http://192.168.1.5", "ws://box.local"] {
            assert!(Endpoint::parse(local).is_ok(), "{local}");
        }
        for open in ["http://example.org", "ws://8.8.8.8", "http://local.example.org"] {
            assert!(matches!(Endpoint::parse(open), Err(BuildError::Insecure)), "{open}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for bad in ["", "abc", "ftp://a.b", "https://", "https://a.b/?x=1", "://"] {
            assert!(matches!(Endpoint::parse(bad), Err(BuildError::Url)), "{bad}");
        }
    }

    #[test]
    fn an_ipv6_address_loses_its_brackets_for_the_socket() {
        assert_eq!(Endpoint::parse("http://[::1]:4000").unwrap().address(), ("::1", 4000));
    }
}
