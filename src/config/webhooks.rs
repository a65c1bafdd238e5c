//! How Gitea's webhooks are taken, as it is configured.

use super::problem::Problem;
use super::view::View;
use super::{Webhooks, secret};

/// What makes no sense without a secret.
const NEED_THE_SECRET: [&str; 2] = ["webhooks.previous_secret_file", "webhooks.authorization_file"];

pub(super) fn webhooks(view: View<'_>, problems: &mut Vec<Problem>) -> Webhooks {
    let before = problems.len();
    let mut read = |key| secret::read(view.layers, key, problems).map(|found| found.secret);
    let secret = read("webhooks.secret_file");
    let [previous_secret, authorization] = NEED_THE_SECRET.map(&mut read);
    if secret.is_none() && problems.len() == before && view.is_sound(&["webhooks.secret_file"]) {
        let others = [&previous_secret, &authorization];
        for (key, _) in NEED_THE_SECRET.iter().zip(others).filter(|(_, other)| other.is_some()) {
            let message = format!("`{key}` is of no use without `webhooks.secret_file`");
            problems.push(Problem { origin: None, message });
        }
    }
    Webhooks {
        secret,
        previous_secret,
        authorization,
        bytes: view.size("limits.webhook_bytes"),
        look_every: view.duration("webhooks.look_every"),
    }
}
