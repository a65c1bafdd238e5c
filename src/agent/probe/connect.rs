//! A connection to a name, which may have several addresses.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use futures_util::future::select_ok;
use tokio::net::{TcpStream, lookup_host};

/// How long the next address waits for the one before it. One that is dead must not use up
/// the time of all.
const STAGGER: Duration = Duration::from_millis(250);

/// A host without its brackets, and its port: of `host`, `host:port`, `::1`, `[::1]:port`.
pub(super) fn split(address: &str, port: u16) -> (&str, u16) {
    if let Some((host, rest)) = address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let own = rest.strip_prefix(':').and_then(|text| text.parse().ok());
        return (host, own.unwrap_or(port));
    }
    match address.rsplit_once(':').map(|(host, text)| (host, text.parse())) {
        Some((host, Ok(own))) if !host.contains(':') => (host, own),
        _ => (address, port),
    }
}

/// The same in one, as people know it.
pub(super) fn joined(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Connects to the first address that answers. Within `limit` all are tried.
pub(super) async fn connect(host: &str, port: u16, limit: Duration) -> io::Result<TcpStream> {
    first(lookup_host((host, port)).await?.collect(), limit).await
}

async fn first(addresses: Vec<SocketAddr>, limit: Duration) -> io::Result<TcpStream> {
    let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    let stagger = STAGGER.min(limit / 2 / count.max(1));
    let tries = addresses.into_iter().zip(0..).map(|(address, turn)| {
        let connecting = async move {
            tokio::time::sleep(stagger * turn).await;
            TcpStream::connect(address).await
        };
        Box::pin(connecting) as Pin<Box<dyn Future<Output = _> + Send>>
    });
    let tries: Vec<_> = tries.collect();
    if tries.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    select_ok(tries).await.map(|(stream, _)| stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r4_an_address_without_a_port_means_8765() {
        let named = |address: &str| {
            let (host, port) = split(address, 8765);
            joined(host, port)
        };
        assert_eq!(named("localhost"), "localhost:8765");
        assert_eq!(named("127.0.0.1:80"), "127.0.0.1:80");
        assert_eq!(named("::1"), "[::1]:8765");
        assert_eq!(named("[::1]"), "[::1]:8765");
        assert_eq!(named("[::1]:80"), "[::1]:80");
        assert_eq!(named("fe80::1%eth0"), "[fe80::1%eth0]:8765");
    }

    #[tokio::test]
    async fn an_address_that_hangs_does_not_use_up_the_time_of_the_next() {
        let any = "127.0.0.1:0".parse().unwrap();
        let full = tokio::net::TcpSocket::new_v4().unwrap();
        full.bind(any).unwrap();
        let hangs = full.local_addr().unwrap();
        let full = full.listen(1).unwrap();
        let mut held = Vec::new();
        // Whoever comes when the queue is full is not answered.
        while let Ok(Ok(stream)) =
            tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(hangs)).await
        {
            held.push(stream);
        }
        let fine = tokio::net::TcpListener::bind(any).await.unwrap();
        let open = fine.local_addr().unwrap();
        let limit = Duration::from_secs(60);
        let connected = tokio::time::timeout(limit, first(vec![hangs, open], limit)).await;
        assert_eq!(connected.unwrap().unwrap().peer_addr().unwrap(), open);
        drop((full, fine));
        let nobody = first(vec![open], limit).await.unwrap_err();
        assert_eq!(nobody.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(
            first(Vec::new(), limit).await.unwrap_err().to_string(),
            "the name has no address"
        );
    }
}
