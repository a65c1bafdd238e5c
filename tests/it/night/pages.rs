//! Reading a tree of the store in pieces while commits go on.

use std::collections::BTreeMap;

use teawatch::store::{CACHE_BYTES, Memory, Sled, Store, Tree, WriteSet};

/// Everything in the history, piece by piece. `meanwhile` happens between two.
fn read(store: &mut dyn Store, mut meanwhile: impl FnMut(&mut dyn Store)) -> (Vec<u64>, usize) {
    let (mut found, mut after, mut pieces) = (Vec::new(), None::<Vec<u8>>, 0);
    loop {
        let records = store.behind(Tree::History, after.as_deref()).unwrap();
        let Some((last, _)) = records.last() else { return (found, pieces) };
        after = Some(last.clone());
        pieces += 1;
        for (key, value) in records {
            assert_eq!(value[..8], key, "it is another's value");
            found.push(u64::from_be_bytes(key.try_into().unwrap()));
        }
        meanwhile(store);
    }
}

fn put(writes: &mut WriteSet, number: u64) {
    let key = number.to_be_bytes();
    let length = if number.is_multiple_of(40) { 9_000 } else { 400 };
    writes.put_bytes(Tree::History, key, [&key[..], &vec![b'x'; length]].concat());
    writes.put_bytes(Tree::Checks, key, vec![0]);
}

fn is_read_whole(store: &mut dyn Store) {
    let mut kept = BTreeMap::new();
    // So much that it stands in the tree, and what came last only in the journal.
    for round in 0..60_u64 {
        let mut writes = WriteSet::new();
        for number in round * 100..round * 100 + 100 {
            put(&mut writes, number);
            kept.insert(number, ());
        }
        // A stretch as long as a piece, and some single ones.
        let gone = if round == 59 { 1_000..2_500 } else { round * 90..round * 90 + 3 };
        for number in gone {
            writes.delete(Tree::History, number.to_be_bytes());
            kept.remove(&number);
        }
        store.commit(writes).unwrap();
    }
    let expected: Vec<_> = kept.keys().copied().collect();
    let (found, pieces) = read(store, |_| {});
    assert!(found == expected, "{} of {} were read", found.len(), expected.len());
    assert!(pieces > 5, "{pieces} pieces");
    // What is added behind the piece that was read is read as well.
    let mut next = 6_000;
    let (found, _) = read(store, |store| {
        if next < 6_500 {
            let mut writes = WriteSet::new();
            put(&mut writes, next);
            next += 1;
            store.commit(writes).unwrap();
        }
    });
    assert_eq!(found.len(), expected.len() + usize::try_from(next - 6_000).unwrap());
    let after = 5_990_u64.to_be_bytes();
    let first = store.behind(Tree::History, Some(&after)).unwrap().remove(0).0;
    assert_eq!(first, 5_991_u64.to_be_bytes());
    assert_eq!(store.behind(Tree::Silences, None).unwrap(), []);
}

#[test]
fn a_tree_is_read_whole_in_pieces_also_what_stands_in_the_journal() {
    let data = tempfile::tempdir().unwrap();
    is_read_whole(&mut Sled::open(data.path(), CACHE_BYTES).unwrap());
    is_read_whole(&mut Memory::new());
    // The same after a start, before anything else was read.
    let mut store = Sled::open(data.path(), CACHE_BYTES).unwrap();
    let (found, _) = read(&mut store, |_| {});
    assert!(found.len() > 4_000 && found.is_sorted(), "{}", found.len());
}
