//! What tells the pings of one run from those of another.

use crate::check::Uuid;

/// A random UUID; nothing where the system has no randomness to give: a ping does without.
pub fn random_run() -> Option<Uuid> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(Uuid::of(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_another_uuid_of_version_4() {
        let [one, other] = [(); 2].map(|()| random_run().unwrap().to_string());
        assert_ne!(one, other);
        for id in [one, other] {
            let parts: Vec<_> = id.split('-').collect();
            assert!(parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]), "{id}");
            assert!(parts.concat().bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
            assert!(parts[2].starts_with('4') && "89ab".contains(&parts[3][..1]), "{id}");
        }
    }
}
