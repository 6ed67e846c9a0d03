//! Owns how a client is set up: where the server is, who is calling, how long to wait.
//! Must not know: any operation.

use std::{fmt, time::Duration};

use reqwest::{
    Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
    redirect::Policy,
};

use crate::Client;

/// Settings of a [`Client`].
///
/// ```
/// # use std::time::Duration;
/// let client = lockstep_client::Lockstep::new("http://127.0.0.1:8080")
///     .token("secret")
///     .timeout(Duration::from_secs(5))
///     .client()?;
/// # Ok::<(), lockstep_client::ConnectError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Lockstep {
    base_url: String,
    token: Option<String>,
    connect_timeout: Duration,
    timeout: Duration,
}

/// Why the settings make no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("the base URL is not an http or https URL with a host")]
    BaseUrl(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    #[error("the base URL has user, query or fragment, which no call would keep")]
    BaseUrlParts,
    #[error("the token has characters that no header can carry")]
    Token,
    #[error("the HTTP client could not be built")]
    Http(#[source] reqwest::Error),
}

impl Lockstep {
    /// A server at `base_url`: scheme and host, port and path where needed. No token; 5 s to connect, 30 s in all.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            token: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
        }
    }

    /// Sends `Authorization: Bearer …` with every call.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Longest wait for a connection.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Longest wait for a whole answer, connecting included. A stream has it for each page.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// The client. Nothing is sent yet. Clones of it share their connections.
    pub fn client(self) -> Result<Client, ConnectError> {
        let base_url = self.checked_url()?;
        let mut headers = HeaderMap::new();
        if let Some(token) = &self.token {
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| ConnectError::Token)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .connect_timeout(self.connect_timeout)
            .timeout(self.timeout)
            // The contract has no redirects: whoever answers one is not the server.
            .redirect(Policy::none())
            .user_agent(concat!("lockstep-client/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(ConnectError::Http)?;
        Ok(Client::new_with_client(&base_url, http))
    }

    /// Without the slash at its end, since paths begin with one.
    fn checked_url(&self) -> Result<String, ConnectError> {
        let url = Url::parse(&self.base_url)
            .map_err(|error| ConnectError::BaseUrl(Some(Box::new(error))))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(ConnectError::BaseUrl(None));
        }
        let user = !url.username().is_empty() || url.password().is_some();
        if user || url.query().is_some() || url.fragment().is_some() {
            return Err(ConnectError::BaseUrlParts);
        }
        Ok(url.as_str().trim_end_matches('/').to_owned())
    }
}

/// Shows everything but the token.
impl fmt::Debug for Lockstep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lockstep")
            .field("base_url", &self.base_url)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{ConnectError, Lockstep};
    use crate::ClientInfo;

    #[test]
    fn a_base_url_may_have_a_path_and_a_slash_at_its_end() {
        for (given, used) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("https://example.org/", "https://example.org"),
            ("https://example.org/jobs/", "https://example.org/jobs"),
        ] {
            let client = Lockstep::new(given).client().unwrap();
            assert_eq!(client.baseurl(), used);
        }
    }

    #[test]
    fn a_base_url_that_cannot_work_is_refused() {
        for given in [
            "",
            "127.0.0.1:8080",
            "ftp://example.org",
            "unix:/run/x",
            "http://",
        ] {
            let error = Lockstep::new(given).client().unwrap_err();
            assert!(
                matches!(error, ConnectError::BaseUrl(_)),
                "{given}: {error}"
            );
        }
        for given in [
            "http://a:b@example.org",
            "http://example.org/?x=1",
            "http://example.org/#x",
        ] {
            let error = Lockstep::new(given).client().unwrap_err();
            assert!(
                matches!(error, ConnectError::BaseUrlParts),
                "{given}: {error}"
            );
        }
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_refused_and_never_shown() {
        let settings = Lockstep::new("http://127.0.0.1").token("se\r\ncret");
        assert!(!format!("{settings:?}").contains("cret"));
        let error = settings.client().unwrap_err();
        assert!(matches!(error, ConnectError::Token));
        assert!(!format!("{error:?} {error}").contains("cret"));
    }
}
