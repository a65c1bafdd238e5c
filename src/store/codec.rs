//! How a record becomes bytes: one byte that names the format, then JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{Error, shown};
use super::tree::Tree;

/// JSON, in the shape of the present [`SCHEMA`](super::SCHEMA).
const JSON: u8 = 1;

/// Encodes a record.
///
/// Records are our own types. One that cannot be encoded would be lost, so that it ends
/// the round that made it, before anything of it is written.
pub fn encode(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    bytes.push(JSON);
    serde_json::to_writer(&mut bytes, value)
        .expect("a record of ours has a map whose keys are no text, or a serializer that fails");
    bytes
}

/// Reads a record back. `tree` and `key` only name it in errors.
pub fn decode<T: DeserializeOwned>(tree: Tree, key: &[u8], bytes: &[u8]) -> Result<T, Error> {
    match bytes.split_first() {
        Some((&JSON, json)) => serde_json::from_slice(json).map_err(|source| Error::Record {
            tree,
            key: shown(key),
            source,
        }),
        other => {
            let format = other.map(|(format, _)| *format);
            Err(Error::Format { tree, key: shown(key), format })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was() {
        let bytes = encode(&("a", 7));
        assert_eq!(bytes[0], JSON);
        assert_eq!(decode::<(String, u8)>(Tree::Meta, b"k", &bytes).unwrap(), ("a".to_owned(), 7));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let message = |bytes: &[u8]| {
            decode::<u8>(Tree::Checks, b"web1\x00/disk", bytes).unwrap_err().to_string()
        };
        insta::assert_snapshot!(message(b"\x01{"), @r"the record `web1\x00/disk` of checks/v1 cannot be read");
        insta::assert_snapshot!(message(b"\x027"), @r"the record `web1\x00/disk` of checks/v1 is in format Some(2), which this teawatch does not know");
        insta::assert_snapshot!(message(b""), @r"the record `web1\x00/disk` of checks/v1 is in format None, which this teawatch does not know");
    }
}
