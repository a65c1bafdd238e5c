//! Records as they lie in a tree of sled's: each in one or more pieces.

use std::ops::Bound;
use std::path::Path;

use super::error::Error;
use super::guard::guarded;
use super::pieces;
use super::snapshot::Page;

/// Shows every record with the number of its pieces, keys ascending.
pub(super) fn walk(
    path: &Path,
    records: &::sled::Tree,
    mut show: impl FnMut(&[u8], &[u8], u16) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut iter = records.iter();
    // Further pieces are fetched with the first one of their record. The walk only
    // counts them, so that one that belongs to no record is noticed.
    let mut further_expected = 0_u64;
    let mut further_seen = 0_u64;
    while let Some((physical, first)) = guarded(path, || iter.next().transpose())? {
        let (key, number) = pieces::logical_key(&physical)
            .ok_or_else(|| Error::damaged(path, "a key is too short"))?;
        if number > 0 {
            further_seen += 1;
            continue;
        }
        let (count, value) = whole(path, records, key, &first)?;
        further_expected += u64::from(count - 1);
        show(key, &value, count)?;
    }
    if further_seen == further_expected {
        Ok(())
    } else {
        Err(Error::damaged(path, "a piece of a long value belongs to no record"))
    }
}

/// The records behind the key `after`, until they have so many bytes.
pub(super) fn page(
    path: &Path,
    records: &::sled::Tree,
    after: Option<&[u8]>,
    bytes: usize,
) -> Result<Page, Error> {
    let after = after.map(|key| pieces::physical_key(key, 0));
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut iter = records.range::<Vec<u8>, _>((from, Bound::Unbounded));
    let mut page = Page { records: Vec::new(), is_cut: false };
    let mut read = 0;
    while let Some((physical, first)) = guarded(path, || iter.next().transpose())? {
        let Some((key, 0)) = pieces::logical_key(&physical) else { continue };
        if read >= bytes {
            page.is_cut = true;
            break;
        }
        let (_, value) = whole(path, records, key, &first)?;
        read += key.len() + value.len();
        page.records.push((key.to_vec(), value));
    }
    Ok(page)
}

/// One record, if it is there.
pub(super) fn get(
    path: &Path,
    records: &::sled::Tree,
    key: &[u8],
) -> Result<Option<Vec<u8>>, Error> {
    let first = guarded(path, || records.get(pieces::physical_key(key, 0)))?;
    first.map(|first| whole(path, records, key, &first).map(|(_, value)| value)).transpose()
}

/// The number of pieces of a record and its value, by its first piece.
fn whole(
    path: &Path,
    records: &::sled::Tree,
    key: &[u8],
    first: &[u8],
) -> Result<(u16, Vec<u8>), Error> {
    let (count, value) =
        pieces::first(first).ok_or_else(|| Error::damaged(path, "a value is too short"))?;
    let mut value = value.to_vec();
    for number in 1..count {
        let piece = pieces::physical_key(key, number);
        let piece = guarded(path, || records.get(piece))?
            .ok_or_else(|| Error::damaged(path, "a piece of a long value is missing"))?;
        value.extend_from_slice(&piece);
    }
    Ok((count, value))
}
