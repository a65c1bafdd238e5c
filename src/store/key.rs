//! Keys made of several parts, whose byte order is the order of the parts.

use super::error::{Error, shown};
use super::tree::Tree;

/// A key under construction: `Key::new().u64(alert).u32(n)`.
///
/// Integers are big-endian, so that they sort as numbers. A text carries its length in
/// front, so that no two lists of parts make the same key; texts sort by length first.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Vec<u8>);

impl Key {
    /// A key without parts.
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn u64(mut self, part: u64) -> Self {
        self.0.extend(part.to_be_bytes());
        self
    }

    #[must_use]
    pub fn u32(mut self, part: u32) -> Self {
        self.0.extend(part.to_be_bytes());
        self
    }

    /// Adds a text. One that is longer than a whole key may be is cut, and the commit
    /// then refuses the key for its length.
    #[must_use]
    pub fn text(mut self, part: &str) -> Self {
        let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
        self.0.extend(length.to_be_bytes());
        self.0.extend(&part.as_bytes()[..usize::from(length)]);
        self
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Takes a [`Key`] apart, in the order in which it was made.
#[derive(Debug)]
pub struct KeyReader<'a> {
    tree: Tree,
    whole: &'a [u8],
    rest: &'a [u8],
}

impl<'a> KeyReader<'a> {
    /// Starts at the front. `tree` only names the key in errors.
    pub fn new(tree: Tree, key: &'a [u8]) -> Self {
        Self { tree, whole: key, rest: key }
    }

    pub fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_be_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn text(&mut self) -> Result<&'a str, Error> {
        let length = usize::from(u16::from_be_bytes(self.array()?));
        let (text, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.misshapen())?;
        self.rest = rest;
        str::from_utf8(text).map_err(|_| self.misshapen())
    }

    /// Confirms that nothing is left.
    pub fn end(self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.misshapen()) }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (array, rest) = self.rest.split_first_chunk().ok_or_else(|| self.misshapen())?;
        self.rest = rest;
        Ok(*array)
    }

    fn misshapen(&self) -> Error {
        Error::Key { tree: self.tree, key: shown(self.whole) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_apart_as_it_was_made() {
        let key = Key::new().u64(7).text("web1/disk").u32(9);
        let mut reader = KeyReader::new(Tree::History, key.as_ref());
        assert_eq!(reader.u64().unwrap(), 7);
        assert_eq!(reader.text().unwrap(), "web1/disk");
        assert_eq!(reader.u32().unwrap(), 9);
        reader.end().unwrap();
    }

    #[test]
    fn keys_sort_as_their_numbers_do() {
        let key = |a, b| Key::new().u64(a).u32(b);
        assert!(key(1, 256) < key(2, 0));
        assert!(key(1, 2) < key(1, 256));
        assert!(key(255, 0) < key(256, 0));
    }

    #[test]
    fn a_key_of_another_shape_is_refused_by_name() {
        let refused = |key: &[u8], read: fn(KeyReader<'_>) -> Result<(), Error>| {
            read(KeyReader::new(Tree::Outbox, key)).unwrap_err().to_string()
        };
        insta::assert_snapshot!(
            refused(b"ab", |mut reader| reader.u32().map(drop)),
            @"the key `ab` of outbox/v1 does not have the expected shape"
        );
        insta::assert_snapshot!(
            refused(b"\x00\x03ab", |mut reader| reader.text().map(drop)),
            @r"the key `\x00\x03ab` of outbox/v1 does not have the expected shape"
        );
        let left_over = KeyReader::new(Tree::Outbox, b"a").end().unwrap_err();
        insta::assert_snapshot!(left_over, @"the key `a` of outbox/v1 does not have the expected shape");
    }
}
