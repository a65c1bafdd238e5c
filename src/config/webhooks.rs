//! How Gitea's webhooks are taken, as it is configured.

use super::problem::Problem;
use super::view::View;
use super::{Webhooks, secret};

pub(super) fn webhooks(view: View<'_>, problems: &mut Vec<Problem>) -> Webhooks {
    let mut read = |key| secret::read(view.layers, key, problems).map(|found| found.secret);
    Webhooks {
        secret: read("webhooks.secret_file"),
        authorization: read("webhooks.authorization_file"),
    }
}
