//! How long is the certificate of a TLS port good for?

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use serde::Deserialize;
use tokio_rustls::TlsConnector;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::connect::{connect, joined, split};
use super::{failure, success, unknown, with};
use crate::agent::settings::{positive, ten_seconds};
use crate::check::Observation;

/// The port of an address that names none.
const PORT: u16 = 443;

const DAY: f64 = 86_400.0;

/// A port that speaks TLS from its first byte on. Only the dates of its certificate are
/// judged, not who signed it: many watch certificates of their own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    pub(crate) name: String,
    #[serde(default = "ten_seconds", deserialize_with = "positive")]
    pub(crate) timeout: SignedDuration,
    /// `host:port`, or a host alone for port 443.
    pub(crate) address: String,
    /// The name that the server is asked for, if it is not the host of the address.
    #[serde(default)]
    pub(crate) server_name: Option<String>,
    /// Good for fewer days than this is a failure.
    #[serde(default = "fourteen")]
    pub(crate) min_days: f64,
}

pub(crate) fn fourteen() -> f64 {
    14.0
}

impl Tls {
    pub(super) async fn look(&self, limit: Duration, now: Timestamp) -> Observation {
        let (host, port) = split(&self.address, PORT);
        let address = joined(host, port);
        let shaken = Arc::new(Anyone::new());
        let handshake = self.shake_hands(host, port, limit, Arc::clone(&shaken));
        let ended = tokio::time::timeout(limit, handshake).await;
        // Some ask for a certificate of ours, or speak in a way that is refused: by then
        // theirs has been seen.
        if let Some(certificate) = shaken.seen() {
            return judge(&address, certificate, self.min_days, now);
        }
        match ended {
            Ok(Ok(())) => failure(format!("{address} gives no certificate")),
            Ok(Err(error)) => failure(format!("{address} gives no certificate: {error}")),
            Err(_) => failure(format!("{address} did not answer within {limit:?}")),
        }
    }

    /// Begins to speak, and hangs up before anything is said.
    async fn shake_hands(
        &self,
        host: &str,
        port: u16,
        limit: Duration,
        shaken: Arc<Anyone>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let name = self.server_name.as_deref().unwrap_or(host).to_owned();
        let name = ServerName::try_from(name)?;
        let config = ClientConfig::builder_with_provider(Arc::clone(&shaken.provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(shaken)
            .with_no_client_auth();
        let stream = connect(host, port, limit).await?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        Ok(())
    }
}

/// Judges a certificate's dates.
pub(super) fn judge(whose: &str, certificate: &[u8], min_days: f64, now: Timestamp) -> Observation {
    let Ok(certificate) = Certificate::from_der(certificate) else {
        return unknown(format!("the certificate of {whose} cannot be read"));
    };
    let validity = certificate.tbs_certificate().validity();
    let at = |time: x509_cert::time::Time| {
        let since =
            SignedDuration::try_from(time.to_unix_duration()).unwrap_or(SignedDuration::MAX);
        Timestamp::UNIX_EPOCH.checked_add(since).unwrap_or(Timestamp::MAX)
    };
    let (begins, ends) = (at(validity.not_before), at(validity.not_after));
    let days = ends.duration_since(now).as_secs_f64() / DAY;
    let observation = if now < begins {
        failure(format!("the certificate of {whose} is not good before {begins}"))
    } else if days < 0.0 {
        failure(format!("the certificate of {whose} expired at {ends}"))
    } else if days < min_days {
        failure(format!("the certificate of {whose} expires in {days:.1} days, at {ends}"))
    } else {
        success(format!("the certificate of {whose} is good for {days:.0} days"))
    };
    with(observation, "certificate_days", days)
}

/// Takes every certificate: nothing is sent over the connection, and only dates are read.
#[derive(Debug)]
struct Anyone {
    provider: Arc<CryptoProvider>,
    seen: OnceLock<Vec<u8>>,
}

impl Anyone {
    fn new() -> Self {
        Self { provider: Arc::new(ring::default_provider()), seen: OnceLock::new() }
    }

    /// The server's own certificate.
    fn seen(&self) -> Option<&[u8]> {
        self.seen.get().map(Vec::as_slice)
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
