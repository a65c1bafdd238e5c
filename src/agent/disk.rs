//! Work on a disk: it may hang, and must hold up nobody for ever.

use std::io::{self, ErrorKind};
use std::time::Duration;

/// What is small is written and read within this, or the disk hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// Works on a thread of its own. What is not done in time is an error, and may be done yet.
pub(super) async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    match tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(failed)) => Err(io::Error::other(failed)),
        Err(_) => {
            let said = format!("the disk did not answer within {} s", PATIENCE.as_secs());
            Err(io::Error::new(ErrorKind::TimedOut, said))
        }
    }
}
