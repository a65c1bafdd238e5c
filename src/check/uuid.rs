//! Ids of sixteen bytes, as others write them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A UUID: what a job calls one of its runs, or what stands in the address of a check.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

/// Hexadecimal digits between the dashes.
const PARTS: [usize; 5] = [8, 4, 4, 4, 12];

impl Uuid {
    /// Takes sixteen bytes, of which all but the six bits count that say that this is a UUID
    /// of no particular order (version 4).
    pub fn of(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }

    /// Reads one with its dashes, in letters of any case.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.split('-').map(str::len).eq(PARTS) {
            return None;
        }
        let mut digits = text.bytes().filter(|byte| *byte != b'-');
        let mut bytes = [0; 16];
        for byte in &mut bytes {
            let mut digit = || char::from(digits.next()?).to_digit(16);
            *byte = u8::try_from(digit()? << 4 | digit()?).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0.iter();
        for (number, digits) in PARTS.into_iter().enumerate() {
            if number > 0 {
                f.write_str("-")?;
            }
            for byte in bytes.by_ref().take(digits / 2) {
                write!(f, "{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    /// It may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uuid({:02x}{:02x}...)", self.0[0], self.0[1])
    }
}

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Uuid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("this is no UUID"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_read_in_any_case_and_written_in_small_letters() {
        let uuid = Uuid::parse("2C9c4D2e-3f2a-4b1c-8d5e-6f7a8b9c0d1e").unwrap();
        assert_eq!(uuid.to_string(), "2c9c4d2e-3f2a-4b1c-8d5e-6f7a8b9c0d1e");
        assert_eq!(Uuid::parse(&uuid.to_string()), Some(uuid));
        let json = serde_json::to_string(&uuid).unwrap();
        assert_eq!(serde_json::from_str::<Uuid>(&json).unwrap(), uuid);
        assert_eq!(format!("{uuid:?}"), "Uuid(2c9c...)");
    }

    #[test]
    fn what_is_no_uuid_is_refused() {
        for text in [
            "",
            "2c9c4d2e3f2a4b1c8d5e6f7a8b9c0d1e",
            "2c9c4d2e-3f2a-4b1c-8d5e-6f7a8b9c0d1",
            "2c9c4d2e-3f2a-4b1c-8d5e-6f7a8b9c0d1eb",
            "2c9c4d2e-3f2a-4b1c-8d5e-6f7a8b9c0d1g",
            "2c9c4d2e-3f2a-4b1c-8d5-e6f7a8b9c0d1e",
            "2c9c4d2e-3f2a-4b1c-8d5e-6f7a8b9c0dé",
            "{2c9c4d2e-3f2a-4b1c-8d5e-6f7a8b9c0d1e}",
        ] {
            assert_eq!(Uuid::parse(text), None, "{text}");
        }
    }

    #[test]
    fn one_that_is_made_of_bytes_says_that_it_is_of_version_4() {
        assert_eq!(Uuid::of([0; 16]).to_string(), "00000000-0000-4000-8000-000000000000");
        assert_eq!(Uuid::of([255; 16]).to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
