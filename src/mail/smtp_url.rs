//! Owns reading `SMTP_URL` and keeping its password out of logs.
//! Must not know: how the connection is made.

use std::{fmt, str::FromStr};

use http::Uri;

/// Where e-mail is handed over: `smtp://user:pass@host:port?tls=required|opportunistic|none` or
/// `smtps://user:pass@host:port`. User and password are percent-encoded. Without `tls`, `smtp` demands STARTTLS unless
/// the host is this machine.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpUrl {
    scheme: &'static str,
    authority: String,
    host: String,
    port: Option<u16>,
    tls: Tls,
}

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte.
    Wrapper,
    /// By STARTTLS, or not at all.
    Required,
    /// By STARTTLS if the server offers it. Somebody in between can take the offer out.
    Opportunistic,
    None,
}

/// The text is no SMTP URL. Does not repeat it: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSmtpUrl {
    #[error("must be smtp://[user:password@]host[:port] or smtps://[user:password@]host[:port]")]
    Form,
    #[error("tls must be required, opportunistic or none, and smtps takes no tls")]
    Tls,
}

impl SmtpUrl {
    /// Host and port, for logs.
    pub fn server(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// How the connection is encrypted.
    pub fn tls(&self) -> Tls {
        self.tls
    }

    /// The URL in lettre's dialect, password included.
    pub(super) fn for_lettre(&self) -> String {
        let query = match self.tls {
            Tls::Required => "?tls=required",
            Tls::Opportunistic => "?tls=opportunistic",
            Tls::Wrapper | Tls::None => "",
        };
        format!("{}://{}{query}", self.scheme, self.authority)
    }
}

impl Tls {
    /// The word in the URL; `smtps` for [`Tls::Wrapper`].
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wrapper => "smtps",
            Self::Required => "required",
            Self::Opportunistic => "opportunistic",
            Self::None => "none",
        }
    }
}

impl FromStr for SmtpUrl {
    type Err = BadSmtpUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse().map_err(|_| BadSmtpUrl::Form)?;
        let authority = uri.authority().ok_or(BadSmtpUrl::Form)?;
        let host = authority.host().to_owned();
        if host.is_empty() || !matches!(uri.path(), "" | "/") {
            return Err(BadSmtpUrl::Form);
        }
        let (scheme, tls) = match (uri.scheme_str(), uri.query()) {
            (Some("smtps"), None) => ("smtps", Tls::Wrapper),
            (Some("smtp"), Some("tls=opportunistic")) => ("smtp", Tls::Opportunistic),
            (Some("smtp"), Some("tls=none")) => ("smtp", Tls::None),
            (Some("smtp"), None) if is_this_machine(&host) => ("smtp", Tls::None),
            (Some("smtp"), None | Some("tls=required")) => ("smtp", Tls::Required),
            (Some("smtp" | "smtps"), Some(_)) => return Err(BadSmtpUrl::Tls),
            _ => return Err(BadSmtpUrl::Form),
        };
        Ok(Self {
            scheme,
            authority: authority.to_string(),
            host,
            port: authority.port_u16(),
            tls,
        })
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}://{} (tls {})",
            self.scheme,
            self.server(),
            self.tls.as_str()
        )
    }
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost"
        || bare
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryption_is_the_default_except_on_this_machine() {
        for (text, tls, lettre) in [
            (
                "smtp://mail.example.com",
                Tls::Required,
                "smtp://mail.example.com?tls=required",
            ),
            ("smtp://127.0.0.1:2525", Tls::None, "smtp://127.0.0.1:2525"),
            ("smtp://localhost/", Tls::None, "smtp://localhost"),
            (
                "smtp://mail.example.com:25?tls=none",
                Tls::None,
                "smtp://mail.example.com:25",
            ),
            (
                "smtp://h?tls=opportunistic",
                Tls::Opportunistic,
                "smtp://h?tls=opportunistic",
            ),
            ("smtps://u:p%40@h", Tls::Wrapper, "smtps://u:p%40@h"),
        ] {
            let url: SmtpUrl = text.parse().unwrap();
            assert_eq!(
                (url.tls(), url.for_lettre().as_str()),
                (tls, lettre),
                "{text}"
            );
        }
    }

    #[test]
    fn the_password_is_never_shown() {
        let url: SmtpUrl = "smtp://ada:hunter2@mail.example.com:587".parse().unwrap();
        assert_eq!(
            format!("{url:?}"),
            "smtp://mail.example.com:587 (tls required)"
        );
        assert_eq!(url.server(), "mail.example.com:587");
        for bad in [
            "http://ada:hunter2@h",
            "smtp://ada:hunter2@h?tls=hunter2",
            "hunter2",
        ] {
            let error = SmtpUrl::from_str(bad).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{bad}");
        }
    }

    #[test]
    fn what_is_no_smtp_url_is_refused() {
        for bad in [
            "",
            "mail.example.com",
            "smtp://",
            "ftp://h",
            "smtps://h?tls=none",
            "smtp://h/path",
            "smtp:h",
        ] {
            assert!(SmtpUrl::from_str(bad).is_err(), "{bad}");
        }
    }
}
