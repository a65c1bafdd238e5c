//! The real transport: reqwest over rustls.
//!
//! Decides the limits of one exchange (time, size, trust) and sorts failures by what the
//! server may have seen. Proxies named by the environment are honoured, where they can be
//! meant.

use std::error::Error as StdError;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::redirect::Policy;
use reqwest::{Certificate, retry};

use super::error::SetupError;
use super::transport::{Transport, TransportError};

/// No answer is read beyond this. Fifty issues with bodies of half a megabyte fit in.
pub const ANSWER_LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// Idle connections are given up before servers and proxies commonly do so. A request that
/// goes out just as the other side hangs up would be in doubt for nothing.
const IDLE_LIMIT: Duration = Duration::from_secs(5);

/// The settings of [`Network`].
#[derive(Debug, Clone)]
pub struct NetworkOptions {
    /// For the connection including TLS.
    pub connect_timeout: Duration,
    /// For the whole exchange, up to the last byte of the answer.
    pub timeout: Duration,
    /// Root certificates in PEM that are trusted besides the system's.
    pub extra_roots: Option<Vec<u8>>,
    /// Whether TLS is used at all. Without it the system's certificates are not read, and
    /// some machines have none.
    pub tls: bool,
    /// Whether the proxies are used that the environment names. None of them leads back to
    /// this machine.
    pub proxies: bool,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(20),
            extra_roots: None,
            tls: true,
            proxies: true,
        }
    }
}

/// Makes sure that reqwest has a provider of cryptography. Repeating it does nothing.
pub fn install_crypto() {
    // Only fails when some provider is installed already, which serves as well.
    rustls::crypto::ring::default_provider().install_default().ok();
}

/// Sends requests over the network.
#[derive(Debug, Clone)]
pub struct Network {
    client: reqwest::Client,
}

impl Network {
    /// A transport with these settings. Opens no connection yet, but reads the system's
    /// root certificates.
    pub fn new(options: &NetworkOptions) -> Result<Self, SetupError> {
        install_crypto();
        let mut builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .retry(retry::never())
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            .pool_idle_timeout(IDLE_LIMIT)
            .referer(false);
        if !options.tls {
            builder = builder.tls_certs_only([]);
        }
        if !options.proxies {
            builder = builder.no_proxy();
        }
        if let Some(pem) = &options.extra_roots {
            let roots = Certificate::from_pem_bundle(pem).map_err(SetupError::Certificates)?;
            if roots.is_empty() {
                return Err(SetupError::NoCertificates);
            }
            builder = builder.tls_certs_merge(roots);
        }
        Ok(Self { client: builder.build().map_err(SetupError::Network)? })
    }

    async fn exchange(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, TransportError> {
        let request = reqwest::Request::try_from(request).map_err(sort)?;
        let mut response = self.client.execute(request).await.map_err(sort)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(sort)? {
            if body.len() + chunk.len() > ANSWER_LIMIT_BYTES {
                return Err(TransportError::TooLong { limit: ANSWER_LIMIT_BYTES });
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = http::Response::new(body);
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

impl Transport for Network {
    fn call(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> BoxFuture<'_, Result<http::Response<Vec<u8>>, TransportError>> {
        self.exchange(request).boxed()
    }
}

/// What the server may have seen of a request that failed like this.
fn sort(error: reqwest::Error) -> TransportError {
    // The error's own text repeats the address, which the caller names already.
    let error = error.without_url();
    if error.is_builder() {
        TransportError::Unreachable(Box::new(error))
    } else if !error.is_connect() {
        TransportError::NoAnswer(Box::new(error))
    } else if is_about_tls(&error) {
        TransportError::Tls(Box::new(error))
    } else {
        TransportError::Unreachable(Box::new(error))
    }
}

/// Whether a failure of rustls is among the causes. An I/O error hides its content from
/// `source`, so it is opened by hand.
fn is_about_tls(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<rustls::Error>() {
            return true;
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if inner.is_some_and(|inner| is_about_tls(inner)) {
            return true;
        }
        next = error.source();
    }
    false
}
