//! Proxies between teawatch and Gitea, as the environment names them.

use crate::support::{Gitea, Teawatch, eventually, failing};

/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:1";

/// Serves with this proxy in its environment, and opens an issue.
#[track_caller]
fn opens_an_issue(gitea: &Gitea, proxy: &str) {
    let data = tempfile::tempdir().unwrap();
    let mut command = Teawatch::command(data.path(), gitea, &[]);
    command.env("http_proxy", proxy);
    let teawatch = Teawatch::launch(command);
    teawatch.report(&failing("db1/disk"));
    eventually("the issue is open", || gitea.open() == 1);
}

#[test]
fn a_gitea_elsewhere_is_reached_through_the_proxy() {
    let mut gitea = Gitea::start();
    // The stand-in does as a proxy does: it answers for a host that nobody can find.
    let proxy = std::mem::replace(&mut gitea.url, "http://gitea.invalid/".to_owned());
    opens_an_issue(&gitea, &proxy);
}

#[test]
fn a_gitea_on_this_machine_is_reached_without_a_proxy() {
    let gitea = Gitea::start();
    opens_an_issue(&gitea, NOBODY);
    let mut gitea = Gitea::start();
    gitea.url = gitea.url.replace("127.0.0.1", "localhost");
    opens_an_issue(&gitea, NOBODY);
}
