//! Handing a command's output on as it comes, and keeping its end.

use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::time::Duration;

use rustix::io::ioctl_fionread;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::tail::Tail;

/// Whom the command has left behind may hold its outputs open for ever: they are given up
/// this long after its end.
const LINGER: Duration = Duration::from_millis(200);
/// Handed on at a time, in bytes: as much as a pipe holds.
const PIECE: usize = 64 * 1024;

/// Hands an output on until it ends, and keeps its end in `tail`.
///
/// Once `ended` says that the command has, what it had written is still handed on, however
/// slow the reader, and what others write for a moment longer. When the reader goes away,
/// so does the output: the command meets that as it would have met it without us.
pub(super) async fn relay<R: AsyncRead + AsFd + Unpin>(
    from: Option<R>,
    mut to: impl AsyncWrite + Unpin,
    tail: &Mutex<Tail>,
    mut ended: watch::Receiver<bool>,
) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; PIECE];
    // What was in the pipe at the end of the command, and until when more is waited for.
    let mut last = None;
    loop {
        let read = match &mut last {
            None => tokio::select! {
                read = from.read(&mut buffer) => read,
                // Whoever would say so may have gone: that is an end as well.
                _ = ended.wait_for(|ended| *ended) => {
                    let waiting = ioctl_fionread(&from).unwrap_or(0);
                    last = Some((waiting, Instant::now() + LINGER));
                    continue;
                }
            },
            Some((1.., _)) => from.read(&mut buffer).await,
            Some((0, until)) => match timeout_at(*until, from.read(&mut buffer)).await {
                Ok(read) if Instant::now() < *until => read,
                Ok(_) | Err(_) => return,
            },
        };
        let Ok(count @ 1..) = read else { return };
        let bytes = &buffer[..count];
        if let Some((waiting, _)) = &mut last {
            *waiting = waiting.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        }
        if let Ok(mut tail) = tail.lock() {
            tail.add(bytes);
        }
        let written = match to.write_all(bytes).await {
            Ok(()) => to.flush().await,
            Err(error) => Err(error),
        };
        // A disk that is full may have room again; a reader that has gone is gone.
        if written.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
            return;
        }
    }
}
