//! What the tests of the whole stand on: the real binary, the stand-in Gitea, and waiting.

mod deed;
mod ending;
mod figures;
mod gitea;
mod host;
mod in_time;
mod inside;
mod letter;
mod recorded;
mod report;
mod scene;
mod stand_in;
mod teawatch;
mod terminal;
mod tls;
mod tokens;
mod told;
mod verdict;
mod watch;

use std::time::{Duration, Instant};

pub use deed::{CHECK, Deed, OTHER};
pub use ending::{all_is_told, readiness};
pub use figures::{figure, figures};
pub use gitea::Gitea;
pub use host::{Host, SOURCE, signal, text, waiting};
pub use in_time::InTime;
pub use inside::{Inside, stopped_clock};
pub use letter::{Answer, Letter, ask, client};
pub use recorded::{Exchange, Sent, Signed, conversation, deliveries, fixtures, recorded, signed};
pub use report::{Report, failing, passing};
pub use scene::{LOOKS, OFTEN, Scene, add_hook};
pub use stand_in::{Asked, Say, StandIn, answer_of, refused, taken};
pub use teawatch::{MASTER, SALT, Teawatch};
pub use terminal::Terminal;
pub use tls::{certificate, tls_config, tls_config_of, tls_fixture};
pub use tokens::{READ_TOKEN, WRITE_TOKEN, token_settings};
pub use told::Told;
pub use verdict::{status, status_json, task_state};
pub use watch::turns;

/// The repository of all tests.
pub const REPOSITORY: &str = "ops/alerts";

/// Whatever does not happen within this time does not happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `is_true`, and fails with `what` if it never is.
#[track_caller]
pub fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What `bind` binds. A child that another test is just starting holds every socket of this
/// process for an instant, also those that were closed, so a known address may have to be
/// waited for.
#[track_caller]
pub fn bound<T>(bind: impl Fn() -> std::io::Result<T>) -> T {
    let mut listener = None;
    eventually("the address is free", || {
        listener = bind().ok();
        listener.is_some()
    });
    listener.unwrap()
}
