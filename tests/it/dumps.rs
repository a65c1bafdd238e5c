//! Dumps of stores, stores made of dumps, and stores that are brought to a newer schema.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use teawatch::store::{
    CACHE_BYTES, Dump, Error, Header, Memory, Origin, SCHEMA, Schema, Sled, Step, Store, Tree,
    WriteSet, restore,
};

type Records = BTreeMap<(Tree, Vec<u8>), Vec<u8>>;

fn origin() -> Origin {
    Origin { instance: "0123456789abcdef".to_owned(), generation: 3 }
}

fn open(data: &Path) -> Sled {
    Sled::open(data, CACHE_BYTES).unwrap()
}

fn records(store: &mut dyn Store) -> Records {
    let mut records = Records::new();
    store
        .load(&mut |tree, key, value| {
            records.insert((tree, key.to_vec()), value.to_vec());
            Ok(())
        })
        .unwrap();
    records
}

/// The dump of a store, in which `meanwhile` happens after each piece.
fn dump_while(store: &mut dyn Store, mut meanwhile: impl FnMut(&mut dyn Store)) -> Vec<u8> {
    let lease = store.begin_dump(origin()).unwrap();
    let mut dump = Vec::new();
    meanwhile(store);
    while let Some(piece) = store.next_of_dump(&lease).unwrap() {
        dump.extend(piece);
        meanwhile(store);
    }
    dump
}

fn dump(store: &mut dyn Store) -> Vec<u8> {
    dump_while(store, |_| {})
}

fn read(dump: &[u8]) -> Result<(Header, Records), Error> {
    let mut from = dump;
    let dump = Dump::open(&mut from)?;
    let (header, mut records) = (dump.header.clone(), Records::new());
    let count = dump.read(&mut |tree, key, value| {
        records.insert((tree, key.to_vec()), value.to_vec());
        Ok(())
    })?;
    assert_eq!(count, records.len() as u64);
    Ok((header, records))
}

/// As it is, with the records of this teawatch.
fn restore_into(data: &Path, dump: &[u8]) -> Result<(Header, u64), Error> {
    restore(&mut &*dump, data, Schema::PRESENT, &mut |_, _, _| Ok(None))
}

/// Changes that say when they were made.
fn writes(round: u64) -> WriteSet {
    let mut writes = WriteSet::new();
    for n in 0..40_u64 {
        let key = (round * 31 + n * n * 7) % 2_000;
        let tree = if key.is_multiple_of(3) { Tree::History } else { Tree::Checks };
        let length = if key.is_multiple_of(50) { 9_000 } else { 300 };
        let value = format!("{round:length$}").into_bytes();
        if (key + round).is_multiple_of(5) {
            writes.delete(tree, key.to_be_bytes());
        } else {
            writes.put_bytes(tree, key.to_be_bytes(), value);
        }
    }
    writes.put_bytes(Tree::Meta, "round", round.to_be_bytes().to_vec());
    writes
}

#[test]
fn a_dump_shows_the_moment_at_which_it_began_whatever_is_committed_meanwhile() {
    let data = tempfile::tempdir().unwrap();
    let (mut sled, mut memory) = (open(data.path()), Memory::new());
    let stores: [&mut dyn Store; 2] = [&mut sled, &mut memory];
    for store in stores {
        for round in 0..200 {
            store.commit(writes(round)).unwrap();
        }
        let moment = records(store);
        let (mut round, mut pieces) = (200, 0);
        let dump = dump_while(store, |store| {
            pieces += 1;
            // Enough that the journal is full now and then.
            for _ in 0..60 {
                store.commit(writes(round)).unwrap();
                round += 1;
            }
        });
        let (header, dumped) = read(&dump).unwrap();
        assert!(pieces > 6, "{pieces} pieces");
        assert!(dumped == moment, "{} records, {} at the moment", dumped.len(), moment.len());
        assert_eq!((header.schema, header.commit, header.origin), (SCHEMA, 200, origin()));
        let now = records(store);
        assert!(
            now != moment && now[&(Tree::Meta, b"round".to_vec())] == (round - 1).to_be_bytes()
        );
    }
}

#[test]
fn there_is_one_dump_at_a_time_and_it_ends_with_whoever_wants_it() {
    let data = tempfile::tempdir().unwrap();
    let (mut sled, mut memory) = (open(data.path()), Memory::new());
    let stores: [&mut dyn Store; 2] = [&mut sled, &mut memory];
    for store in stores {
        store.commit(writes(0)).unwrap();
        let lease = store.begin_dump(origin()).unwrap();
        assert!(store.next_of_dump(&lease).unwrap().is_some());
        let error = store.begin_dump(origin()).unwrap_err();
        assert!(matches!(error, Error::DumpUnderWay), "{error:?}");
        drop(lease);
        assert_eq!(read(&dump(store)).unwrap().1, records(store));
    }
}

#[test]
fn a_dump_restored_makes_the_same_dump() {
    let data = tempfile::tempdir().unwrap();
    let mut store = open(data.path());
    for round in 0..50 {
        store.commit(writes(round)).unwrap();
    }
    let mut long = WriteSet::new();
    long.put_bytes(Tree::Outbox, "", vec![7; 300_000]);
    long.put_bytes(Tree::Jobs, b"\x00\x00", Vec::new());
    store.commit(long).unwrap();
    let first = dump(&mut store);
    assert_eq!(read(&first).unwrap().0.commit, 51);

    let parent = tempfile::tempdir().unwrap();
    let elsewhere = parent.path().join("new");
    let (header, count) = restore_into(&elsewhere, &first).unwrap();
    assert_eq!((header.commit, count), (51, records(&mut store).len() as u64));
    let mut restored = open(&elsewhere);
    assert!(dump(&mut restored) == first);
    assert_eq!(records(&mut restored), records(&mut store));
    // Its commits go on where those of the backup ended.
    restored.commit(writes(50)).unwrap();
    drop(restored);
    assert_eq!(read(&dump(&mut open(&elsewhere))).unwrap().0.commit, 52);
}

#[test]
fn an_empty_store_has_a_dump_too() {
    let data = tempfile::tempdir().unwrap();
    let empty = dump(&mut Memory::new());
    assert_eq!(restore_into(data.path(), &empty).unwrap().1, 0);
    assert!(dump(&mut open(data.path())) == empty);
}

#[test]
fn a_dump_with_any_byte_changed_missing_or_added_is_refused_with_its_place() {
    let mut store = Memory::new();
    let mut writes = WriteSet::new();
    writes.put_bytes(Tree::Checks, b"key", b"\x01\"value\"".to_vec());
    writes.put_bytes(Tree::Outbox, b"key", b"\x01\"value\"".to_vec());
    store.commit(writes).unwrap();
    let mut sound = dump(&mut store);
    assert!(read(&sound).is_ok());
    for place in 0..sound.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut changed = sound.clone();
            changed[place] ^= flip;
            match read(&changed).unwrap_err() {
                Error::Dump { at, .. } => assert!(at <= place as u64, "{place}: {at}"),
                Error::NewerDump { what: "format", .. } => assert_eq!(place, 14),
                error => panic!("{place}: {error:?}"),
            }
        }
        let error = read(&sound[..place]).unwrap_err();
        assert!(matches!(error, Error::Dump { at, .. } if at <= place as u64), "{place}: {error}");
    }
    let middle = sound.len() / 2;
    sound[middle] ^= 1;
    insta::assert_snapshot!(read(&sound).unwrap_err(), @"this is no sound backup, from byte 89 on: a checksum does not match: the block there is damaged; use another one");
    sound[middle] ^= 1;
    sound.push(0);
    insta::assert_snapshot!(read(&sound).unwrap_err(), @"this is no sound backup, from byte 262 on: it goes on after its end; use another one");
    insta::assert_snapshot!(read(b"-----BEGIN CERTIFICATE-----").unwrap_err(), @"this is no sound backup, from byte 0 on: it does not begin like one; use another one");
    insta::assert_snapshot!(read(b"teawatch dump 2\n").unwrap_err(), @"the backup has format 2, and this teawatch knows formats up to 1; restore it with the newer teawatch that wrote it");
}

#[test]
fn a_store_is_restored_into_an_empty_directory_only() {
    let dump = dump(&mut Memory::new());
    let data = tempfile::tempdir().unwrap();
    drop(open(data.path()));
    let error = restore_into(data.path(), &dump).unwrap_err();
    assert!(matches!(&error, Error::NotEmpty { holds, .. } if holds == "store"), "{error:?}");
    assert!(error.to_string().contains("move it away, or name another directory"), "{error}");

    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("notes"), "mine").unwrap();
    assert!(matches!(restore_into(data.path(), &dump).unwrap_err(), Error::NotEmpty { .. }));
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1);
    fs::remove_file(data.path().join("notes")).unwrap();
    fs::create_dir(data.path().join("lost+found")).unwrap();
    restore_into(data.path(), &dump).unwrap();
}

#[test]
fn a_restore_of_what_cannot_be_used_leaves_nothing() {
    let mut store = Memory::new();
    for round in 0..100 {
        store.commit(writes(round)).unwrap();
    }
    let dump = dump(&mut store);
    let data = tempfile::tempdir().unwrap();
    for torn in [0, 10, dump.len() / 2, dump.len() - 1] {
        assert!(matches!(
            restore_into(data.path(), &dump[..torn]).unwrap_err(),
            Error::Dump { .. }
        ));
        let left: Vec<_> =
            fs::read_dir(data.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| name == "store.lock"), "{left:?}");
    }
    restore_into(data.path(), &dump).unwrap();
    assert_eq!(records(&mut open(data.path())), records(&mut store));
}

// Steps from one schema to the next. The product has none yet, so that these bring one.

/// Checks get a mark and go to another tree where their key is long; every tenth goes away.
const STEP: Step = Step {
    what: "a step of the tests",
    change: |tree, key, value| {
        let mut writes = WriteSet::new();
        if tree != Tree::Checks {
            return Ok(writes);
        }
        match key.last() {
            Some(last) if last % 10 == 9 => writes.delete(tree, key),
            Some(last) if last % 10 == 8 => {
                writes.delete(tree, key);
                writes.put_bytes(Tree::Jobs, key, value.to_vec());
            }
            _ => writes.put_bytes(tree, key, [value, b", brought once"].concat()),
        }
        Ok(writes)
    },
};

const TWO: Schema = Schema::new(&[STEP]);

/// A store of the present schema with many checks, and what the step makes of them.
fn before_the_step(data: &Path) -> Records {
    let mut store = open(data);
    let mut expected = Records::new();
    for block in 0..40_u16 {
        let mut writes = WriteSet::new();
        for n in 0..50 {
            let key = (block * 50 + n).to_be_bytes();
            let value = vec![b'v'; if n == 7 { 10_000 } else { 200 }];
            writes.put_bytes(Tree::Checks, key, value.clone());
            let brought = [&value[..], b", brought once"].concat();
            match key[1] % 10 {
                9 => None,
                8 => expected.insert((Tree::Jobs, key.to_vec()), value),
                _ => expected.insert((Tree::Checks, key.to_vec()), brought),
            };
        }
        store.commit(writes).unwrap();
    }
    let mut writes = WriteSet::new();
    writes.put_bytes(Tree::Meta, "state", vec![1]);
    store.commit(writes).unwrap();
    expected.insert((Tree::Meta, b"state".to_vec()), vec![1]);
    expected
}

#[test]
fn a_store_of_an_older_schema_is_brought_to_the_newer_one_when_it_is_opened() {
    let data = tempfile::tempdir().unwrap();
    let expected = before_the_step(data.path());
    for _ in 0..2 {
        let mut store = Sled::open_with(data.path(), CACHE_BYTES, TWO).unwrap();
        assert!(records(&mut store) == expected);
        assert_eq!(read(&dump(&mut store)).unwrap().0.schema, 2);
    }
    let error = Sled::open(data.path(), CACHE_BYTES).unwrap_err();
    assert!(matches!(error, Error::Newer { found: 2, known: 1, .. }), "{error:?}");
}

#[test]
fn a_backup_of_an_older_schema_is_brought_to_the_newer_one_and_one_of_a_newer_is_refused() {
    let (data, older, newer) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = before_the_step(data.path());
    let old = dump(&mut open(data.path()));
    restore(&mut &*old, older.path(), TWO, &mut |_, _, _| Ok(None)).unwrap();
    let mut store = Sled::open_with(older.path(), CACHE_BYTES, TWO).unwrap();
    assert!(records(&mut store) == expected);
    let new = dump(&mut store);
    let error = restore_into(newer.path(), &new).unwrap_err();
    insta::assert_snapshot!(error, @"the backup has schema 2, and this teawatch knows schemas up to 1; restore it with the newer teawatch that wrote it");
    assert_eq!(fs::read_dir(newer.path()).unwrap().count(), 0);
}

#[test]
fn a_step_that_fails_keeps_the_store_shut_and_goes_on_where_it_was() {
    const FAILS: Step = Step {
        what: "fails half way",
        change: |tree, key, value| {
            if tree == Tree::Checks && *key == 1_000_u16.to_be_bytes() {
                return Err(Error::Key { tree, key: "1000".to_owned() });
            }
            (STEP.change)(tree, key, value)
        },
    };
    let data = tempfile::tempdir().unwrap();
    let expected = before_the_step(data.path());
    let error = Sled::open_with(data.path(), CACHE_BYTES, Schema::new(&[FAILS])).unwrap_err();
    assert!(matches!(error, Error::Key { .. }), "{error:?}");
    // What was written before is not written again.
    assert!(records(&mut Sled::open_with(data.path(), CACHE_BYTES, TWO).unwrap()) == expected);
}
