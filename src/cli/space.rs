//! Looks whether the disk still has room for what comes.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

use crate::store::Space;

/// How often it looks: a disk does not fill up much faster.
const EVERY: Duration = Duration::from_secs(5);

/// Looks for ever, and says in words what is wrong, if something is.
pub(super) async fn watch_space(
    data_dir: PathBuf,
    least: u64,
    shortage: watch::Sender<Option<String>>,
) {
    loop {
        let looked_at = data_dir.clone();
        match tokio::task::spawn_blocking(move || Space::look(&looked_at)).await {
            Ok(Ok(space)) => tell(&shortage, words(space, least)),
            // What cannot be looked at is shown by the next commit.
            Ok(Err(error)) => tracing::debug!(%error, "the disk's room cannot be told"),
            Err(error) => tracing::debug!(%error, "looking at the disk was cut short"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn words(space: Space, least: u64) -> Option<String> {
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
