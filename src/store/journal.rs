//! The journal: commits whose records do not stand in their trees yet.
//!
//! A record costs sled far more than its bytes: its page is found, copied and written
//! again. So a commit is first written as one text, on pages that follow each other, and
//! its records wait in memory. Once the pages are used up, all that waits goes to its
//! trees in one transaction, and the pages are used again from the first one on. A record
//! that was written a hundred times meanwhile is then written once. The key of a page is
//! its place (4 bytes).
//!
//! | part of a page | bytes |
//! |---|---|
//! | number of the commit | 8 |
//! | how many pages of this commit follow | 4 |
//! | what stands on it of the commit's text | up to 4,084 |
//!
//! | part of a commit's text | bytes |
//! |---|---|
//! | tree, for each | length of its name (1), name, number of writes (4), its writes |
//! | write | length of the key (2), key, length of the value and one, or 0 if it is deleted (4), value |
//!
//! Numbers are big-endian. Nothing is ever deleted: a page with a commit that stands in
//! the trees is left over from the round before, and ends the journal.

use super::tree::Tree;
use super::writes::WriteSet;

/// How many pages there are: 2 MiB. What waits in memory is about as much, and a start
/// reads as much more.
const PAGES: usize = 512;

/// The longest page: no value of sled's may be longer, see [`super::pieces`].
const PAGE_BYTES: usize = 4096;
const HEAD_BYTES: usize = 8 + 4;
const TEXT_BYTES: usize = PAGE_BYTES - HEAD_BYTES;

/// What was committed since the pages were last used from the first one on.
#[derive(Debug, Default)]
pub(super) struct Journal {
    waiting: WriteSet,
    used: usize,
}

/// A page and its key.
pub(super) type Page = ([u8; 4], Vec<u8>);

impl Journal {
    /// Reads the pages, in the order of their keys, of commits after number `in_trees`.
    /// Returns the journal and the number of its last commit.
    ///
    /// What cannot be so is told in words: it is damage.
    pub(super) fn read<E>(
        pages: impl Iterator<Item = Result<(impl AsRef<[u8]>, impl AsRef<[u8]>), E>>,
        in_trees: u64,
    ) -> Result<Result<(Self, u64), &'static str>, E> {
        let (mut journal, mut number) = (Self::default(), in_trees);
        let (mut text, mut following) = (Vec::new(), None);
        for page in pages {
            let (key, page) = page?;
            let Some((commit, more, part)) = open(page.as_ref()) else {
                return Ok(Err("a page of its journal is too short"));
            };
            if following.is_none() && commit <= in_trees {
                break;
            }
            let follows = following.is_none_or(|expected| more == expected);
            if key.as_ref() != place(journal.used) || commit != number + 1 || !follows {
                return Ok(Err("a page of its journal is missing"));
            }
            journal.used += 1;
            text.extend_from_slice(part);
            following = more.checked_sub(1);
            if following.is_none() {
                number += 1;
                match writes(&text) {
                    Some(writes) => journal.waiting.merge(writes),
                    None => return Ok(Err("a commit in its journal cannot be read")),
                }
                text.clear();
            }
        }
        let is_whole = following.is_none();
        Ok(if is_whole { Ok((journal, number)) } else { Err("the end of its journal is missing") })
    }

    /// The pages that commit number `number` takes; none if too few are left.
    pub(super) fn pages(&self, number: u64, writes: &WriteSet) -> Option<Vec<Page>> {
        let text = text(writes);
        let count = text.len().div_ceil(TEXT_BYTES);
        if self.used + count > PAGES {
            return None;
        }
        let page = |(before, part): (usize, &[u8])| {
            let following = place(count - before - 1);
            let page = [&number.to_be_bytes(), &following[..], part].concat();
            (place(self.used + before), page)
        };
        Some(text.chunks(TEXT_BYTES).enumerate().map(page).collect())
    }

    /// Remembers a commit that now stands on so many pages.
    pub(super) fn append(&mut self, writes: WriteSet, pages: usize) {
        self.waiting.merge(writes);
        self.used += pages;
    }

    /// What waits of a tree, with keys behind `after` and up to `end`, ascending.
    pub(super) fn waiting(
        &self,
        tree: Tree,
        after: Option<&[u8]>,
        end: Option<&[u8]>,
    ) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let within = move |key: &[u8]| {
            after.is_none_or(|after| key > after) && end.is_none_or(|end| key <= end)
        };
        let waiting = self.waiting.iter().filter(move |(of, key, _)| *of == tree && within(key));
        waiting.map(|(_, key, value)| (key, value))
    }

    /// Everything that waits. The pages are used again from the first one on.
    pub(super) fn take(&mut self) -> WriteSet {
        std::mem::take(self).waiting
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// A place among the pages, or a number of them.
fn place(place: usize) -> [u8; 4] {
    u32::try_from(place).expect("there are fewer pages").to_be_bytes()
}

/// The number of the commit, how many of its pages follow, and the text.
fn open(page: &[u8]) -> Option<(u64, u32, &[u8])> {
    let (commit, rest) = page.split_first_chunk()?;
    let (following, text) = rest.split_first_chunk()?;
    Some((u64::from_be_bytes(*commit), u32::from_be_bytes(*following), text))
}

/// A write set, within its limits, as text.
fn text(writes: &WriteSet) -> Vec<u8> {
    let length = |length: usize| u32::try_from(length).expect("a write set is beyond its limits");
    let mut text = Vec::new();
    // Where the number of the present tree's writes stands.
    let mut count_at = 0;
    let (mut last, mut count) = (None, 0_u32);
    for (tree, key, value) in writes.iter() {
        if last != Some(tree) {
            let name = tree.name().as_bytes();
            text.push(u8::try_from(name.len()).expect("a tree's name is longer than 255 bytes"));
            text.extend_from_slice(name);
            (last, count, count_at) = (Some(tree), 0, text.len());
            text.extend_from_slice(&[0; 4]);
        }
        count += 1;
        text[count_at..count_at + 4].copy_from_slice(&count.to_be_bytes());
        let key_length = u16::try_from(key.len()).expect("a key is beyond its limit");
        text.extend_from_slice(&key_length.to_be_bytes());
        text.extend_from_slice(key);
        text.extend_from_slice(&value.map_or(0, |value| length(value.len() + 1)).to_be_bytes());
        text.extend_from_slice(value.unwrap_or_default());
    }
    text
}

/// The write set that a text stands for.
fn writes(mut text: &[u8]) -> Option<WriteSet> {
    let mut writes = WriteSet::new();
    while !text.is_empty() {
        let length = u8::from_be_bytes(array(&mut text)?);
        let tree = Tree::named(part(&mut text, length.into())?)?;
        for _ in 0..u32::from_be_bytes(array(&mut text)?) {
            let length = u16::from_be_bytes(array(&mut text)?);
            let key = part(&mut text, length.into())?;
            let length = u32::from_be_bytes(array(&mut text)?);
            match length.checked_sub(1) {
                Some(length) => {
                    let value = part(&mut text, usize::try_from(length).ok()?)?;
                    writes.put_bytes(tree, key, value.to_vec());
                }
                None => writes.delete(tree, key),
            }
        }
    }
    Some(writes)
}

fn part<'t>(text: &mut &'t [u8], length: usize) -> Option<&'t [u8]> {
    let (part, rest) = text.split_at_checked(length)?;
    *text = rest;
    Some(part)
}

fn array<const N: usize>(text: &mut &[u8]) -> Option<[u8; N]> {
    part(text, N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &[u8], length: usize) -> WriteSet {
        let mut writes = WriteSet::new();
        writes.put_bytes(Tree::Checks, key, vec![7; length]);
        writes.delete(Tree::Outbox, b"gone");
        writes
    }

    /// Commits write sets with these lengths, beginning with commit `first`.
    fn commit(pages: &mut Vec<Vec<u8>>, first: u64, lengths: &[usize]) -> Journal {
        let mut journal = Journal::default();
        for (number, length) in (first..).zip(lengths) {
            let writes = put(&number.to_be_bytes(), *length);
            let new = journal.pages(number, &writes).unwrap();
            journal.append(writes, new.len());
            for (key, page) in new {
                let place = u32::from_be_bytes(key) as usize;
                pages.resize(pages.len().max(place + 1), Vec::new());
                pages[place] = page;
            }
        }
        journal
    }

    fn read(pages: &[Vec<u8>], in_trees: u64) -> Result<(Journal, u64), &'static str> {
        read_without(pages, usize::MAX, in_trees)
    }

    fn read_without(
        pages: &[Vec<u8>],
        missing: usize,
        in_trees: u64,
    ) -> Result<(Journal, u64), &'static str> {
        let pages = pages.iter().enumerate().filter(|(at, _)| *at != missing);
        Journal::read(pages.map(|(at, page)| Ok::<_, ()>((place(at), page))), in_trees).unwrap()
    }

    #[test]
    fn what_was_committed_is_read_and_what_is_left_over_is_not() {
        let mut pages = Vec::new();
        let before = commit(&mut pages, 1, &[0, 10_000, TEXT_BYTES, 3]);
        assert!(pages.len() > 5 && pages.iter().all(|page| page.len() <= PAGE_BYTES));
        let (journal, number) = read(&pages, 0).unwrap();
        assert_eq!((journal.waiting, journal.used, number), (before.waiting, before.used, 4));

        // All of it stands in the trees, and the pages are used again.
        assert!(read(&pages, 4).unwrap().0.is_empty());
        let again = commit(&mut pages, 5, &[5_000]);
        let (journal, number) = read(&pages, 4).unwrap();
        assert_eq!((journal.waiting, journal.used, number), (again.waiting, 2, 5));
    }

    #[test]
    fn a_journal_that_is_not_whole_is_damage() {
        let mut pages = Vec::new();
        drop(commit(&mut pages, 1, &[10, 10_000, 10]));
        for missing in 0..pages.len() - 1 {
            let error = read_without(&pages, missing, 0).unwrap_err();
            assert_eq!(error, "a page of its journal is missing");
        }
        assert_eq!(read(&pages[..2], 0).unwrap_err(), "the end of its journal is missing");
        assert_eq!(read(&[vec![0; 5]], 0).unwrap_err(), "a page of its journal is too short");
        let mut page = pages[0].clone();
        page[HEAD_BYTES + 1] = b'?';
        assert_eq!(read(&[page], 0).unwrap_err(), "a commit in its journal cannot be read");
    }

    #[test]
    fn a_commit_that_does_not_fit_any_more_is_not_written_to_the_journal() {
        let journal = Journal { used: PAGES - 1, ..Journal::default() };
        assert_eq!(journal.pages(1, &put(b"a", 100)).unwrap().len(), 1);
        assert!(journal.pages(1, &put(b"a", PAGE_BYTES)).is_none());
    }
}
