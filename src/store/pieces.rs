//! Long values in short pieces.
//!
//! sled moves a page over about 128 KiB into a separate file that it never syncs. A leaf
//! holds up to 17 values, so that none may be longer than 4 KiB. A record is therefore
//! kept as one or more pieces: the physical key is the record's key and two bytes, the
//! piece's number, and the first piece begins with two bytes that say how many there are.
//! As every physical key ends with its number, no two records share one.

use std::iter;

/// The longest physical value.
const PIECE_BYTES: usize = 4096;

/// What of a value fits into the first piece, beside the number of pieces.
const FIRST_BYTES: usize = PIECE_BYTES - 2;

/// How many pieces a value of this length takes. The limit on values keeps it far below
/// what the number can hold.
pub(super) fn count(bytes: usize) -> u16 {
    let more = bytes.saturating_sub(FIRST_BYTES).div_ceil(PIECE_BYTES);
    u16::try_from(more + 1).expect("a value is longer than the limit on values allows")
}

/// The physical key of a piece.
pub(super) fn physical_key(key: &[u8], number: u16) -> Vec<u8> {
    [key, &number.to_be_bytes()].concat()
}

/// The record's key and the number of the piece that a physical key stands for.
pub(super) fn logical_key(physical: &[u8]) -> Option<(&[u8], u16)> {
    physical.split_last_chunk().map(|(key, number)| (key, u16::from_be_bytes(*number)))
}

/// Takes a value apart, into the physical values of its pieces in their order.
pub(super) fn split(value: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let (first, rest) = value.split_at(value.len().min(FIRST_BYTES));
    let first = [&count(value.len()).to_be_bytes(), first].concat();
    iter::once(first).chain(rest.chunks(PIECE_BYTES).map(<[u8]>::to_vec))
}

/// The number of pieces, and what of the value the first piece holds.
pub(super) fn first(physical: &[u8]) -> Option<(u16, &[u8])> {
    let (count, value) = physical.split_first_chunk()?;
    let count = u16::from_be_bytes(*count);
    (count > 0).then_some((count, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_fit_and_make_up_the_value_again() {
        for length in [0, 1, FIRST_BYTES, FIRST_BYTES + 1, FIRST_BYTES + PIECE_BYTES, 100_000] {
            let value: Vec<u8> = (0..=255).cycle().take(length).collect();
            let pieces: Vec<_> = split(&value).collect();
            assert_eq!(pieces.len(), usize::from(count(length)), "{length}");
            assert!(pieces.iter().all(|piece| piece.len() <= PIECE_BYTES), "{length}");
            let (count, head) = first(&pieces[0]).unwrap();
            assert_eq!(usize::from(count), pieces.len(), "{length}");
            assert_eq!([head, &pieces[1..].concat()].concat(), value, "{length}");
        }
    }

    #[test]
    fn the_longest_value_has_a_number_for_each_piece() {
        assert_eq!(count(super::super::VALUE_BYTES), 4097);
    }

    #[test]
    fn a_physical_key_names_one_piece_of_one_record() {
        assert_eq!(logical_key(&physical_key(b"a\x00\x00", 1)), Some((b"a\x00\x00".as_slice(), 1)));
        assert_eq!(logical_key(&physical_key(b"", 0)), Some((b"".as_slice(), 0)));
        assert_eq!(logical_key(b"a"), None);
    }
}
