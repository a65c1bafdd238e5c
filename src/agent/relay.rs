//! Handing a command's output on as it comes, and keeping its end.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::time::Duration;

use rustix::io::ioctl_fionread;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// Kept of the end of the output, in bytes: as much as a report keeps.
const TAIL_MAX: usize = 3_000;
/// Whom the command has left behind may hold its outputs open for ever: they are given up
/// this long after its end.
const LINGER: Duration = Duration::from_millis(200);
/// Handed on at a time, in bytes: as much as a pipe holds.
const PIECE: usize = 64 * 1024;

/// The end of an output.
#[derive(Debug, Default)]
pub(super) struct Tail(VecDeque<u8>);

impl Tail {
    fn add(&mut self, bytes: &[u8]) {
        self.0.extend(&bytes[bytes.len().saturating_sub(TAIL_MAX)..]);
        let excess = self.0.len().saturating_sub(TAIL_MAX);
        self.0.drain(..excess);
    }

    /// It as text. A byte that is none becomes a sign of three, and still the end is kept.
    pub(super) fn text(&self) -> String {
        let bytes: Vec<_> = self.0.iter().copied().collect();
        // The cut may have gone through a character.
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_start_matches('\u{fffd}');
        text[text.ceil_char_boundary(text.len().saturating_sub(TAIL_MAX))..].to_owned()
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(pieces: &[&[u8]]) -> String {
        let mut tail = Tail::default();
        pieces.iter().for_each(|piece| tail.add(piece));
        tail.text()
    }

    #[test]
    fn the_end_of_an_output_is_kept_whatever_it_is_made_of() {
        assert_eq!(tail(&[b"one\n", b"two\n"]), "one\ntwo\n");
        let long = "0123456789".repeat(1_000);
        let kept = tail(&[b"beginning", long.as_bytes(), b"end"]);
        assert_eq!((kept.len(), &kept[kept.len() - 6..]), (TAIL_MAX, "789end"));
        assert_eq!(tail(&[long.as_bytes()]).len(), TAIL_MAX);
        // A cut through a character leaves no trace of it.
        let umlauts = tail(&["ü".repeat(2_000).as_bytes(), b"!"]);
        assert_eq!(umlauts, "ü".repeat(1_499) + "!");
        // What is no text grows when it is shown, and what comes last is still there.
        let kept = tail(&[&b"a\x80".repeat(2_000), b"the end"]);
        assert!(kept.len() <= TAIL_MAX && kept.ends_with("the end"), "{kept:?}");
        assert_eq!(tail(&[b"a", &[0xff], b"b"]), "a\u{fffd}b");
    }
}
