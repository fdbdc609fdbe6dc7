//! Who is it: API keys, and users' tokens (JWT, HS256).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::header::{self, HeaderMap};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user; missing in API keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// `anon`, `authenticated` or `service_role`.
    pub role: String,
    /// When it expires, in seconds of the Unix time.
    pub exp: u64,
}

impl Claims {
    /// Whether no policy applies to it.
    pub fn is_service(&self) -> bool {
        self.role == "service_role"
    }

    /// How long it lives from now on.
    pub(crate) fn life_left(&self) -> Duration {
        match UNIX_EPOCH.checked_add(Duration::from_secs(self.exp)) {
            Some(exp) => exp.duration_since(SystemTime::now()).unwrap_or_default(),
            // Beyond the end of the system's time.
            None => Duration::MAX,
        }
    }
}

/// Why a token was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It has expired.
    #[error("Token has expired {0} seconds ago")]
    Expired(u64),
    /// It is no JWT, or lacks what is required.
    #[error("The token provided is not a valid JWT")]
    Malformed,
    /// It was signed with another secret.
    #[error("Failed to validate JWT signature")]
    Signature,
    /// `role` or `exp` is missing.
    #[error("Fields `role` and `exp` are required in JWT")]
    Fields,
}

impl TokenError {
    /// The code that stands before the colon in a refused join.
    pub(crate) fn join_code(&self) -> &'static str {
        match self {
            TokenError::Expired(_) | TokenError::Fields => "InvalidJWTToken",
            TokenError::Malformed => "MalformedJWT",
            TokenError::Signature => "JwtSignatureError",
        }
    }
}

/// The secret that signs tokens, and the plain API key.
pub(crate) struct Keys {
    secret: String,
    api_key: String,
}

impl Keys {
    pub(crate) fn new(secret: String, api_key: String) -> Self {
        Self { secret, api_key }
    }

    /// Checks an API key: the configured one, or a signed token.
    pub(crate) fn check_api_key(&self, key: &str) -> Result<Claims, TokenError> {
        if key == self.api_key {
            return Ok(Claims { sub: None, role: "anon".into(), exp: u64::MAX });
        }
        self.check_token(key)
    }

    /// Checks a token of a user.
    pub(crate) fn check_token(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > MOST_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let mut rules = Validation::new(Algorithm::HS256);
        // Expiry is checked below, because the wire says how long ago it was.
        rules.validate_exp = false;
        rules.validate_aud = false;
        rules.required_spec_claims.clear();
        let key = DecodingKey::from_secret(self.secret.as_bytes());
        let claims: serde_json::Value = decode(token, &key, &rules)
            .map_err(|error| {
                let forged = matches!(error.kind(), jsonwebtoken::errors::ErrorKind::InvalidSignature);
                if forged { TokenError::Signature } else { TokenError::Malformed }
            })?
            .claims;
        let claims: Claims = serde_json::from_value(claims).map_err(|_| TokenError::Fields)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if claims.exp <= now {
            return Err(TokenError::Expired(now - claims.exp));
        }
        Ok(claims)
    }

    /// Signs a token for a user.
    pub(crate) fn mint(&self, user: &str, life: Duration) -> Result<String, TokenError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let exp = now.saturating_add(life).as_secs();
        let claims = Claims { sub: Some(user.into()), role: "authenticated".into(), exp };
        encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(self.secret.as_bytes()))
            .map_err(|_| TokenError::Malformed)
    }
}

/// The token of `Authorization: Bearer <token>`, if there is one; the scheme in any case (RFC 9110 section 11.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// A channel keeps its token. Supabase's have 1 to 2 KB; proxies refuse headers over 8 or 16 KB.
const MOST_TOKEN_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_token_is_accepted_and_names_its_user() {
        let keys = Keys::new("secret".into(), "key".into());
        let token = keys.mint("u1", Duration::from_secs(60)).unwrap();
        assert_eq!(keys.check_token(&token).unwrap().sub.as_deref(), Some("u1"));
    }

    #[test]
    fn expired_forged_and_broken_tokens_are_told_apart() {
        let keys = Keys::new("secret".into(), "key".into());
        let other = Keys::new("other".into(), "key".into());
        let expired = keys.mint("u1", Duration::ZERO).unwrap();
        assert!(matches!(keys.check_token(&expired), Err(TokenError::Expired(_))));
        let forged = other.mint("u1", Duration::from_secs(60)).unwrap();
        assert_eq!(keys.check_token(&forged), Err(TokenError::Signature));
        assert_eq!(keys.check_token("sb_publishable_x"), Err(TokenError::Malformed));
    }

    #[test]
    fn a_token_for_ever_is_signed_and_accepted() {
        let keys = Keys::new("secret".into(), "key".into());
        let token = keys.mint("u1", Duration::MAX).unwrap();
        assert_eq!(keys.check_token(&token).unwrap().exp, u64::MAX);
    }

    #[test]
    fn a_token_over_its_limit_is_malformed_however_well_signed() {
        let keys = Keys::new("secret".into(), "key".into());
        let token = keys.mint(&"u".repeat(MOST_TOKEN_BYTES), Duration::from_secs(60)).unwrap();
        assert_eq!(keys.check_token(&token), Err(TokenError::Malformed));
    }

    #[test]
    fn a_bearer_is_read_with_its_scheme_in_any_case_and_nothing_else_is() {
        let read = |value: &'static str| {
            let headers =
                HeaderMap::from_iter([(header::AUTHORIZATION, header::HeaderValue::from_static(value))]);
            bearer(&headers).map(str::to_owned)
        };
        for good in ["Bearer abc", "bearer abc", "BEARER  abc "] {
            assert_eq!(read(good).as_deref(), Some("abc"), "{good}");
        }
        for bad in ["", "abc", "Bearer", "Bearer ", "Basic abc"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
