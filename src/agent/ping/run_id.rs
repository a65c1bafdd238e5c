//! What tells the pings of one run from those of another.

/// A random UUID, of version 4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunId(String);

impl RunId {
    /// A new one; nothing where the system has no randomness to give: a ping does without.
    pub fn random() -> Option<Self> {
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).ok()?;
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let mut text = hex::encode(bytes);
        for dash in [20, 16, 12, 8] {
            text.insert(dash, '-');
        }
        Some(Self(text))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_another_uuid_of_version_4() {
        let [one, other] = [(); 2].map(|()| RunId::random().unwrap().0);
        assert_ne!(one, other);
        for id in [one, other] {
            let parts: Vec<_> = id.split('-').collect();
            assert!(parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]), "{id}");
            assert!(parts.concat().bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
            assert!(parts[2].starts_with('4') && "89ab".contains(&parts[3][..1]), "{id}");
        }
    }
}
