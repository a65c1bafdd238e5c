//! What the check of a group is called: the same for ever, and never the same as another's.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::observation::check_name;

/// The label that says what an alert is about.
pub(super) const ALERTNAME: &str = "alertname";

/// Of the digest that tells names apart which cannot stand in full, in bytes, and how many
/// characters those are. In hexadecimal digits Gitea would see a commit.
const DIGEST_BYTES: usize = 9;
const DIGEST_CHARS: usize = 12;

/// The name of a check, at most `bytes_max` long: the receiver, what the alert is called, and
/// its other labels, `gitea/DiskFull{job="node"}`.
///
/// Alertmanager's own key of a group holds the route that it came by, and so changes with
/// every edit of the routes. Receiver and labels do not.
pub(super) fn name(receiver: &str, labels: &BTreeMap<String, String>, bytes_max: usize) -> String {
    let receiver = unquoted(receiver);
    let about = labels.get(ALERTNAME).map_or("", String::as_str);
    let others = labels.iter().filter(|(name, _)| *name != ALERTNAME);
    let others: Vec<_> = others.map(|(name, value)| format!("{name}={value:?}")).collect();
    let mut name = receiver.clone();
    if !labels.is_empty() {
        name.push('/');
        name.push_str(about);
    }
    if !others.is_empty() {
        name.push_str(&format!("{{{}}}", others.join(", ")));
    }
    let is_clear = !receiver.contains('/') && !about.contains('{');
    if is_clear && check_name(&name, bytes_max).is_ok() {
        return name;
    }
    let digest = digest(&receiver, labels);
    let plain: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let room = bytes_max.saturating_sub(DIGEST_CHARS + 1);
    let head = plain.trim();
    let head = head[..head.floor_char_boundary(room)].trim_end();
    let name = format!("{head}~{digest}");
    name[..name.floor_char_boundary(bytes_max)].to_owned()
}

/// A receiver's name as it stands in the configuration: Alertmanager sends it quoted, as a
/// regular expression.
fn unquoted(receiver: &str) -> String {
    let mut name = String::with_capacity(receiver.len());
    let mut rest = receiver.chars();
    while let Some(c) = rest.next() {
        name.push(if c == '\\' { rest.next().unwrap_or(c) } else { c });
    }
    name
}

fn digest(receiver: &str, labels: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    for text in [receiver].into_iter().chain(labels.iter().flat_map(|(k, v)| [k.as_str(), v])) {
        hash.update(text.len().to_be_bytes());
        hash.update(text);
    }
    URL_SAFE_NO_PAD.encode(&hash.finalize()[..DIGEST_BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_group_is_called_by_its_receiver_and_its_labels() {
        let disk = labels(&[("job", "node"), ("alertname", "DiskFull")]);
        assert_eq!(name(r"tea\.watch-1", &disk, 200), r#"tea.watch-1/DiskFull{job="node"}"#);
        assert_eq!(name("gitea", &labels(&[("job", "a\"b")]), 200), r#"gitea/{job="a\"b"}"#);
        assert_eq!(name("gitea", &labels(&[("alertname", "Down")]), 200), "gitea/Down");
        assert_eq!(name("gitea", &labels(&[]), 200), "gitea");
    }

    #[test]
    fn what_cannot_stand_in_full_is_told_apart_all_the_same() {
        let long = |last: &str| labels(&[("alertname", "A"), ("path", &("/x".repeat(200) + last))]);
        let odd = [
            name("gitea", &long("1"), 200),
            name("gitea", &long("2"), 200),
            name("a/B", &labels(&[]), 200),
            name("a", &labels(&[("alertname", "B")]), 200),
            name("agent", &labels(&[]), 200),
            name("", &labels(&[]), 200),
            name(" ", &labels(&[]), 200),
            name("a", &labels(&[("alertname", "b{c=\"d\"}")]), 200),
            name("a", &labels(&[("alertname", "b"), ("c", "d")]), 200),
            name("ü\r\n", &labels(&[]), 200),
        ];
        for (at, one) in odd.iter().enumerate() {
            assert_eq!(check_name(one, 200), Ok(()), "{one:?}");
            assert!(!odd[..at].contains(one), "{one:?} twice in {odd:#?}");
        }
        assert!(odd[0].starts_with("gitea/A{path=\"/x/x") && odd[0].len() <= 200);
        for bytes_max in 1..40 {
            let short = name("gitea", &long("1"), bytes_max);
            assert_eq!(check_name(&short, bytes_max), Ok(()), "{short:?}");
        }
    }
}
