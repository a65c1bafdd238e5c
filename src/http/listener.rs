//! How connections are taken, and how that ends.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::serve::Listener;
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Whoever has just been connected when the end comes has this long to say what it wants: who
/// is cut off before that hears nothing at all, and curl does not try again then.
const LINGER: Duration = Duration::from_millis(250);

/// When no connection can be taken, as when the process has no file left for it, the next one
/// is tried after this, and then after twice as long each time, up to the most. Those who
/// call wait in the socket meanwhile.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// That is told at most so often, however often it comes and goes.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// Whoever is connected and says nothing for so long is asked whether it is still there, so
/// many times, so far apart. One that has vanished without a word, as when its machine lost
/// its power, would hold one of our files for ever otherwise.
const ASKED_AFTER: Duration = Duration::from_secs(60);
const ASKED_EVERY: Duration = Duration::from_secs(15);
const ASKED_TIMES: u32 = 4;

/// A socket from which connections are taken until the end. Later ones wait in it, for the
/// next process that has it.
#[derive(Debug)]
pub struct Accepting {
    listener: TcpListener,
    stop: CancellationToken,
    shortage: Shortage,
}

impl Accepting {
    pub fn new(listener: TcpListener, stop: CancellationToken) -> Self {
        if let Err(error) = ask_whoever_is_silent(&listener) {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "connections of those who have vanished will stay open");
        }
        Self { listener, stop, shortage: Shortage::default() }
    }

    /// Resolves when the connections that were taken are to end, each after its request.
    pub fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        let stop = self.stop.clone();
        async move {
            stop.cancelled().await;
            tokio::time::sleep(LINGER).await;
        }
    }
}

impl Listener for Accepting {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let Self { listener, stop, shortage } = self;
        tokio::select! {
            biased;
            () = stop.cancelled() => pending().await,
            taken = take(listener, shortage) => taken,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Connections have what their listener has.
fn ask_whoever_is_silent(listener: &TcpListener) -> rustix::io::Result<()> {
    sockopt::set_socket_keepalive(listener, true)?;
    sockopt::set_tcp_keepidle(listener, ASKED_AFTER)?;
    sockopt::set_tcp_keepintvl(listener, ASKED_EVERY)?;
    sockopt::set_tcp_keepcnt(listener, ASKED_TIMES)
}

/// The next connection, however long none can be taken.
async fn take(listener: &TcpListener, shortage: &mut Shortage) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(taken) => {
                if shortage.is_over() {
                    tracing::info!("connections are taken again");
                }
                return taken;
            }
            Err(error) if is_of_the_caller(&error) => {}
            Err(error) => {
                let (pause, is_told) = shortage.goes_on(Instant::now());
                if is_told {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "no connection can be taken: it is tried again");
                }
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// Whether it is about the one who called, and who is gone, and not about us.
fn is_of_the_caller(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// A time in which no connection can be taken.
#[derive(Debug, Default)]
struct Shortage {
    /// The pause before the next try; none while there is no shortage.
    pause: Option<Duration>,
    told_at: Option<Instant>,
    /// Whether this one was told, so that its end is as well.
    is_told: bool,
}

impl Shortage {
    /// Another connection could not be taken: how long to wait before the next try, and
    /// whether to tell.
    fn goes_on(&mut self, now: Instant) -> (Duration, bool) {
        let pause = self.pause.map_or(PAUSE_FIRST, |pause| (pause * 2).min(PAUSE_MAX));
        self.pause = Some(pause);
        let was_told = self.told_at.is_some_and(|at| now.duration_since(at) < TOLD_EVERY);
        let tells = !self.is_told && !was_told;
        if tells {
            (self.is_told, self.told_at) = (true, Some(now));
        }
        (pause, tells)
    }

    /// A connection was taken. Returns whether that is to be told.
    fn is_over(&mut self) -> bool {
        self.pause = None;
        std::mem::take(&mut self.is_told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u28_pauses_double_up_to_a_second_and_it_is_told_once_in_ten() {
        let (mut shortage, start) = (Shortage::default(), Instant::now());
        let after = |millis| start + Duration::from_millis(millis);
        let goes_on = |shortage: &mut Shortage, millis| {
            let (pause, is_told) = shortage.goes_on(after(millis));
            (pause.as_millis(), is_told)
        };
        assert!(!shortage.is_over());
        let pauses = [0, 50, 150, 350, 750, 1_550, 2_550].map(|at| goes_on(&mut shortage, at));
        assert_eq!(pauses[0], (50, true));
        let rest = [100, 200, 400, 800, 1_000, 1_000].map(|pause| (pause, false));
        assert_eq!(pauses[1..], rest);
        assert!(shortage.is_over() && !shortage.is_over());
        // It comes and goes.
        assert_eq!(goes_on(&mut shortage, 9_999), (50, false));
        assert!(!shortage.is_over());
        assert_eq!(goes_on(&mut shortage, 10_000), (50, true));
        assert!(shortage.is_over());
    }
}
