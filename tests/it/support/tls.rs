//! TLS with the certificate of the fixtures, and with others.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A file of the certificate, or of the root that vouches for it.
pub fn tls_fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/gitea/tls").join(name)
}

/// A certificate of its own for `localhost`, its key, and the same in PEM. It is good until
/// the begin of the day so many days from now, and was good for the ten days before today.
pub fn certificate(days: i32) -> (CertificateDer<'static>, PrivateKeyDer<'static>, String) {
    let day = |days: i32| {
        let date = Timestamp::now().to_zoned(TimeZone::UTC).date() + days.days();
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        date_time_ymd(date.year().into(), month, day)
    };
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (day(days.min(0) - 10), day(days));
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    (certificate.der().clone(), private, certificate.pem())
}

/// How a server speaks that has such a certificate, and what to trust.
pub fn tls_config_of(days: i32) -> (Arc<ServerConfig>, String) {
    let (certificate, key, pem) = certificate(days);
    (config(certificate, key), pem)
}

/// How a server speaks that has the certificate of the fixtures.
pub fn tls_config() -> Arc<ServerConfig> {
    let certificate = CertificateDer::from_pem_file(tls_fixture("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(tls_fixture("server-key.pem")).unwrap();
    config(certificate, key)
}

fn config(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Arc::new(config)
}
