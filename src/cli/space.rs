//! Looks whether the disk still has room for what comes.

use std::path::Path;

use jiff::SignedDuration;
use tokio::sync::watch;

use crate::store::Space;
use crate::tasks::Mark;

/// How often it looks: a disk does not fill up much faster.
pub(super) const EVERY: SignedDuration = SignedDuration::from_secs(5);

/// Looks for ever, and says in words what is wrong, if something is. A disk that hangs shows
/// in its mark: it is alive only between two looks.
pub(super) async fn watch_space(
    data_dir: &Path,
    least: u64,
    shortage: &watch::Sender<Option<String>>,
    mark: &Mark,
) {
    loop {
        mark.alive();
        let looked_at = data_dir.to_owned();
        match tokio::task::spawn_blocking(move || Space::look(&looked_at)).await {
            Ok(Ok(space)) => {
                tell(shortage, words(space, least));
                mark.succeeded();
            }
            // What cannot be looked at is shown by the next commit as well.
            Ok(Err(error)) => mark.failed(format!("the disk's room cannot be told: {error}")),
            Err(error) => mark.failed(format!("looking at the disk was cut short: {error}")),
        }
        tokio::time::sleep(EVERY.unsigned_abs()).await;
    }
}

/// What is wrong with the room on a disk, if something is.
pub(super) fn words(space: Space, least: u64) -> Option<String> {
    let mebi = |bytes: u64| format!("{} MiB", bytes >> 20);
    space.is_short(least).then(|| {
        format!(
            "the disk has {} left, and no reports are taken below {}: free some",
            mebi(space.free),
            mebi(least.max(space.used))
        )
    })
}

/// Says once that room is short, and once that it no longer is.
fn tell(shortage: &watch::Sender<Option<String>>, now: Option<String>) {
    shortage.send_if_modified(|known| {
        match (known.as_ref(), now.as_ref()) {
            (None, Some(words)) => tracing::error!("{words}"),
            (Some(_), None) => tracing::info!("the disk has room again"),
            _ => {}
        }
        let is_news = *known != now;
        *known = now;
        is_news
    });
}
