//! Owns what a server's certificate must prove before it is spoken to.
//! Must not know: URLs or PostgreSQL.

use std::{path::Path, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::StoreError;

/// `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Disable,
    /// Nobody can listen in, but nobody knows who answers.
    Require,
    /// The certificate comes from whom we trust, whatever name is on it.
    VerifyCa,
    /// And it is the host's.
    VerifyFull,
}

impl Mode {
    pub(super) fn parse(word: &str) -> Result<Self, StoreError> {
        match word {
            "disable" => Ok(Self::Disable),
            "require" => Ok(Self::Require),
            "verify-ca" => Ok(Self::VerifyCa),
            "verify-full" => Ok(Self::VerifyFull),
            // Both speak plain text to whoever says that it has no TLS.
            "prefer" | "allow" => Err(StoreError::unusable(format!(
                "sslmode={word} falls back to plain text unseen: \
                 choose disable, require, verify-ca or verify-full"
            ))),
            _ => Err(StoreError::unusable(
                "the database URL has an sslmode that is none of disable, require, verify-ca, verify-full",
            )),
        }
    }
}

/// What makes TLS connections in this mode. None: there are none. `roots` is a PEM file, or `system`.
pub(super) fn connector(
    mode: Mode,
    roots: Option<&str>,
) -> Result<Option<MakeRustlsConnect>, StoreError> {
    let mode = match (mode, roots) {
        (Mode::Disable, None) => return Ok(None),
        (Mode::Disable, Some(_)) => {
            return Err(StoreError::unusable(
                "sslrootcert is of no use with sslmode=disable: choose sslmode=verify-full",
            ));
        }
        // Anybody can get a certificate of a public authority: without the name it proves nothing. So says libpq too.
        (Mode::Require | Mode::VerifyCa, Some("system")) | (Mode::VerifyCa, None) => {
            return Err(StoreError::unusable(
                "the system's certificates prove nothing without the name: \
                 choose sslmode=verify-full, or name your own authority's file in sslrootcert",
            ));
        }
        // As libpq does: whoever names a certificate wants it looked at.
        (Mode::Require, Some(_)) => Mode::VerifyCa,
        (mode, _) => mode,
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let pinned = match roots {
        None | Some("system") => Vec::new(),
        Some(path) => read_pem(Path::new(path))?,
    };
    let checked = match mode {
        Mode::Disable | Mode::Require => None,
        Mode::VerifyCa | Mode::VerifyFull => Some(chain_verifier(&pinned, &provider)?),
    };
    let verifier = Verifier {
        chain: checked,
        pinned,
        name: mode == Mode::VerifyFull,
        provider: Arc::clone(&provider),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Internal(Box::new(error)))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Some(MakeRustlsConnect::new(config)))
}

fn read_pem(path: &Path) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let refuse = |source| StoreError::Unusable {
        message: format!(
            "sslrootcert={} must be a file of PEM certificates that can be read, or the word system",
            path.display()
        ),
        source,
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| refuse(Some(error.into())))?;
    if certificates.is_empty() {
        return Err(refuse(None));
    }
    Ok(certificates)
}

/// `pinned` empty: the system's.
fn chain_verifier(
    pinned: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, StoreError> {
    let mut roots = RootCertStore::empty();
    if pinned.is_empty() {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    } else {
        roots.add_parsable_certificates(pinned.iter().cloned());
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| StoreError::Unusable {
            message: "there is no certificate to trust on this machine: install ca-certificates, \
                      or name your authority's file in sslrootcert"
                .to_owned(),
            source: Some(Box::new(error)),
        })
}

/// One verifier for three modes, so that what they have in common is said once.
#[derive(Debug)]
struct Verifier {
    /// None: whoever answers is believed.
    chain: Option<Arc<WebPkiServerVerifier>>,
    /// What a person named: a server may also show one of these itself, as self-signed ones do.
    pinned: Vec<CertificateDer<'static>>,
    name: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last, when the chain has been found good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.name => Ok(ServerCertVerified::assertion()),
            // An authority's own certificate, which webpki takes for no server's; its dates have been looked at.
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if self.pinned.iter().any(|pinned| pinned == end_entity) =>
            {
                if self.name {
                    verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            found => found,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_falls_back_to_plain_text_is_refused() {
        for word in ["prefer", "allow", "yes", ""] {
            let error = Mode::parse(word).unwrap_err().to_string();
            assert!(error.contains("verify-full"), "{error}");
        }
        assert_eq!(Mode::parse("verify-ca").unwrap(), Mode::VerifyCa);
    }

    #[test]
    fn what_proves_nothing_is_refused() {
        for (mode, roots) in [
            (Mode::Disable, Some("ca.pem")),
            (Mode::Require, Some("system")),
            (Mode::VerifyCa, Some("system")),
            (Mode::VerifyCa, None),
            (Mode::VerifyFull, Some("/nowhere/ca.pem")),
        ] {
            assert!(connector(mode, roots).is_err(), "{mode:?} {roots:?}");
        }
        assert!(connector(Mode::Disable, None).unwrap().is_none());
        assert!(connector(Mode::Require, None).unwrap().is_some());
    }
}
