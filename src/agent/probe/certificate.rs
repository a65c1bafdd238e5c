//! The certificate that a TLS port shows, and when it is good.
//!
//! Only its dates are read, not who signed it.

use std::error::Error as StdError;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio_rustls::TlsConnector;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::connect::connect;

const DAY: f64 = 86_400.0;

/// When a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    pub begins: Timestamp,
    pub ends: Timestamp,
}

impl Validity {
    /// What a certificate in DER says, if it can be read.
    pub fn read(certificate: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(certificate).ok()?;
        let validity = certificate.tbs_certificate().validity();
        let at = |time: x509_cert::time::Time| {
            let since =
                SignedDuration::try_from(time.to_unix_duration()).unwrap_or(SignedDuration::MAX);
            Timestamp::UNIX_EPOCH.checked_add(since).unwrap_or(Timestamp::MAX)
        };
        Some(Self { begins: at(validity.not_before), ends: at(validity.not_after) })
    }

    /// How many days are left of it.
    pub fn days_left(&self, now: Timestamp) -> f64 {
        self.ends.duration_since(now).as_secs_f64() / DAY
    }

    /// For how many days it is good in all.
    pub fn days(&self) -> f64 {
        self.days_left(self.begins)
    }
}

/// The certificate, in DER, that is shown there to whoever asks for `name`; or why there is
/// none, in words.
pub async fn shown(
    (host, port): (&str, u16),
    name: &str,
    limit: Duration,
) -> Result<Vec<u8>, String> {
    let shaken = Arc::new(Anyone::new());
    let handshake = shake_hands((host, port), name, limit, Arc::clone(&shaken));
    let ended = tokio::time::timeout(limit, handshake).await;
    // Some ask for a certificate of ours, or speak in a way that is refused: by then theirs
    // has been seen.
    if let Some(certificate) = shaken.seen.get() {
        return Ok(certificate.clone());
    }
    Err(match ended {
        Ok(Ok(())) => "gives no certificate".to_owned(),
        Ok(Err(error)) => format!("gives no certificate: {error}"),
        Err(_) => format!("did not answer within {limit:?}"),
    })
}

/// Begins to speak, and hangs up before anything is said.
async fn shake_hands(
    (host, port): (&str, u16),
    name: &str,
    limit: Duration,
    shaken: Arc<Anyone>,
) -> Result<(), Box<dyn StdError + Send + Sync>> {
    let name = ServerName::try_from(name.to_owned())?;
    let config = ClientConfig::builder_with_provider(Arc::clone(&shaken.provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(shaken)
        .with_no_client_auth();
    let stream = connect(host, port, limit).await?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    Ok(())
}

/// Takes every certificate: nothing is sent over the connection, and only dates are read.
#[derive(Debug)]
struct Anyone {
    provider: Arc<CryptoProvider>,
    /// The server's own certificate.
    seen: OnceLock<Vec<u8>>,
}

impl Anyone {
    fn new() -> Self {
        Self { provider: Arc::new(ring::default_provider()), seen: OnceLock::new() }
    }
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.seen.set(end_entity.to_vec()).ok();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
