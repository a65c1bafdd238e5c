//! The store: what is committed stays, as a whole, through kills, damage and faults.
//!
//! Some tests need a process that can be killed or that prints. They start this test
//! binary again, for [`a_process_of_its_own`] alone, with its task in the environment.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::InTime as _;
use proptest::prelude::*;
use teawatch::store::{
    self, CACHE_BYTES, Error, Fault, KEY_BYTES, Key, Memory, SCHEMA, Sled, Store, Tree,
    VALUE_BYTES, WriteSet,
};
use teawatch::telemetry::{self, Format};

type Records = BTreeMap<(Tree, Vec<u8>), Vec<u8>>;

fn open(data: &Path) -> Sled {
    Sled::open(data, CACHE_BYTES).unwrap()
}

fn records(store: &mut dyn Store) -> Records {
    let mut records = Records::new();
    let mut shown = Vec::new();
    store
        .load(&mut |tree, key, value| {
            shown.push((tree, key.to_vec()));
            records.insert((tree, key.to_vec()), value.to_vec());
            Ok(())
        })
        .unwrap();
    assert!(shown.is_sorted_by(|a, b| a < b), "records come once each, in order");
    records
}

fn one(tree: Tree, key: &[u8], bytes: Vec<u8>) -> WriteSet {
    let mut writes = WriteSet::new();
    writes.put_bytes(tree, key, bytes);
    writes
}

/// Bytes that differ from place to place, so that swapped pieces are noticed.
fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut bytes = Vec::with_capacity(length);
    for _ in 0..length {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.push(state.to_be_bytes()[0]);
    }
    bytes
}

fn random_below(limit: u64) -> u64 {
    getrandom::u64().unwrap() % limit
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// sled as it lies under a store that was just dropped. Its threads may take a moment to
/// let go of it.
fn open_sled(data: &Path) -> sled::Db {
    let mut db = None;
    eventually("sled is free", || {
        db = sled::open(data.join("store")).ok();
        db.is_some()
    });
    db.unwrap()
}

/// Every physical record of a tree, past the store, which was looked at and so has emptied
/// its journal.
fn physical_len(data: &Path, tree: Tree) -> usize {
    records(&mut open(data));
    let db = open_sled(data);
    db.open_tree(tree.name()).unwrap().len()
}

fn blobs(data: &Path) -> usize {
    fs::read_dir(data.join("store/blobs")).unwrap().count()
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let data = tempfile::tempdir().unwrap();
    let mut expected = Records::new();
    for round in 0..5_u64 {
        let mut store = open(data.path());
        assert_eq!(records(&mut store), expected, "round {round}");
        let mut writes = WriteSet::new();
        for tree in Tree::ALL {
            writes.put_bytes(tree, Key::new().u64(round), bytes(100, round));
            expected.insert((tree, round.to_be_bytes().to_vec()), bytes(100, round));
        }
        if let Some(before) = round.checked_sub(1) {
            writes.delete(Tree::Outbox, Key::new().u64(before));
            expected.remove(&(Tree::Outbox, before.to_be_bytes().to_vec()));
        }
        store.commit(writes).unwrap();
        assert_eq!(records(&mut store), expected, "round {round}");
    }
}

#[test]
fn a_record_is_decoded_as_it_was_put() {
    let data = tempfile::tempdir().unwrap();
    let mut store = open(data.path());
    let mut writes = WriteSet::new();
    writes.put(Tree::Meta, "next", &("alert", 7));
    store.commit(writes).unwrap();
    let mut seen = Vec::new();
    store
        .load(&mut |tree, key, value| {
            seen.push(store::decode::<(String, u64)>(tree, key, value)?);
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, [("alert".to_owned(), 7)]);
}

#[test]
fn an_error_of_the_visitor_ends_the_walk_and_breaks_nothing() {
    let data = tempfile::tempdir().unwrap();
    let mut store = open(data.path());
    store.commit(one(Tree::Checks, b"a", vec![9])).unwrap();
    store.commit(one(Tree::Checks, b"b", vec![1, b'2'])).unwrap();
    let mut shown = 0;
    let error = store
        .load(&mut |tree, key, value| {
            shown += 1;
            store::decode::<u8>(tree, key, value).map(drop)
        })
        .unwrap_err();
    assert!(matches!(&error, Error::Format { format: Some(9), .. }), "{error:?}");
    assert!(!error.is_final());
    assert_eq!(shown, 1);
    store.commit(one(Tree::Checks, b"a", vec![1, b'1'])).unwrap();
    assert_eq!(records(&mut store).len(), 2);
}

#[test]
fn a_long_value_grows_shrinks_and_goes_without_leaving_pieces() {
    let data = tempfile::tempdir().unwrap();
    // The neighbours' physical keys lie between the pieces of `a`.
    let neighbours: [&[u8]; 3] = [b"a\x00\x00", b"a\x00\x01", b"a\x00\x01x"];
    let mut writes = WriteSet::new();
    for key in neighbours {
        writes.put_bytes(Tree::Alerts, key, bytes(5000, 1));
    }
    open(data.path()).commit(writes).unwrap();
    let others = physical_len(data.path(), Tree::Alerts);

    let lengths = [100_000, 5000, 200_000, 4094, 4095, 0, 70_000];
    for (round, length) in (0_u64..).zip(lengths) {
        let value = bytes(length, round);
        let mut store = open(data.path());
        store.commit(one(Tree::Alerts, b"a", value.clone())).unwrap();
        let records = records(&mut store);
        assert_eq!(records[&(Tree::Alerts, b"a".to_vec())], value, "{length}");
        assert_eq!(records.len(), 4, "{length}");
        drop(store);
        let pieces = 1 + length.saturating_sub(4094).div_ceil(4096);
        assert_eq!(physical_len(data.path(), Tree::Alerts), others + pieces, "{length}");
    }

    let mut store = open(data.path());
    let mut writes = WriteSet::new();
    writes.delete(Tree::Alerts, b"a");
    store.commit(writes).unwrap();
    assert_eq!(records(&mut store).len(), 3);
    drop(store);
    assert_eq!(physical_len(data.path(), Tree::Alerts), others);
}

#[test]
fn a_store_that_was_not_loaded_still_clears_old_pieces_away() {
    let data = tempfile::tempdir().unwrap();
    open(data.path()).commit(one(Tree::Outbox, b"a", bytes(50_000, 1))).unwrap();
    assert_eq!(physical_len(data.path(), Tree::Outbox), 13);
    open(data.path()).commit(one(Tree::Outbox, b"a", bytes(10, 2))).unwrap();
    assert_eq!(physical_len(data.path(), Tree::Outbox), 1);
}

#[test]
fn the_longest_keys_and_long_values_make_no_unsynced_files() {
    let data = tempfile::tempdir().unwrap();
    let mut store = open(data.path());
    for commit in 0..10_u64 {
        let mut writes = WriteSet::new();
        for n in 0..300 {
            let key = bytes(KEY_BYTES, commit * 300 + n);
            writes.put_bytes(Tree::Checks, key, bytes(4094, n));
        }
        writes.put_bytes(Tree::Outbox, commit.to_be_bytes(), bytes(100_000, commit));
        store.commit(writes).unwrap();
    }
    assert_eq!(records(&mut store).len(), 3010);
    assert_eq!(blobs(data.path()), 0);
    drop(store);
    assert_eq!(records(&mut open(data.path())).len(), 3010);
    assert_eq!(blobs(data.path()), 0);
}

#[test]
fn the_longest_value_comes_back_and_a_longer_one_is_refused_before_anything_is_written() {
    let data = tempfile::tempdir().unwrap();
    let mut sled = open(data.path());
    let mut memory = Memory::new();
    let stores: [&mut dyn Store; 2] = [&mut sled, &mut memory];
    for store in stores {
        let longest = bytes(VALUE_BYTES, 1);
        store.commit(one(Tree::Outbox, b"long", longest.clone())).unwrap();

        let mut writes = one(Tree::Checks, b"small", vec![1]);
        writes.merge(one(Tree::Outbox, b"long\n", vec![0; VALUE_BYTES + 1]));
        let error = store.commit(writes).unwrap_err();
        insta::allow_duplicates! {
            insta::assert_snapshot!(error, @r"the record `long\n` of outbox/v1 has 16777217 bytes; 16777216 are allowed");
        }
        assert!(!error.is_final());
        let error = store.commit(one(Tree::Checks, &[b'k'; KEY_BYTES + 1], vec![])).unwrap_err();
        assert!(matches!(error, Error::KeyTooLong { bytes: 385, limit: 384, .. }), "{error:?}");

        let records = records(store);
        assert_eq!(records.len(), 1);
        assert!(records[&(Tree::Outbox, b"long".to_vec())] == longest);
        store.commit(one(Tree::Checks, b"small", vec![1])).unwrap();
    }
    assert_eq!((sled.commits(), memory.commits()), (2, 2));
    assert_eq!(blobs(data.path()), 0);
}

#[test]
fn every_commit_is_one_sync() {
    let data = tempfile::tempdir().unwrap();
    let mut store = open(data.path());
    for n in 0..20_u64 {
        let mut writes = one(Tree::Checks, b"a", bytes(10_000, n));
        writes.merge(one(Tree::History, &n.to_be_bytes(), vec![1]));
        store.commit(writes).unwrap();
        assert_eq!((store.commits(), store.syncs()), (n + 1, n + 1));
    }
    store.commit(WriteSet::new()).unwrap();
    assert_eq!((store.commits(), store.syncs()), (20, 20), "an empty write set is no commit");
}

#[test]
fn only_the_owner_can_look_into_the_store() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("new");
    drop(open(&data));
    // Laxer rights, as a copy may have them, are taken back.
    fs::set_permissions(data.join("store"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(data.join("store/db"), fs::Permissions::from_mode(0o644)).unwrap();
    let _store = open(&data);
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("store")), 0o700);
    assert_eq!(mode(&data.join("store/db")), 0o600);
    assert_eq!(mode(&data.join("store.lock")), 0o600);
}

#[test]
fn a_second_teawatch_is_refused_and_the_first_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let mut first = open(data.path());
    // Only whoever has the lock may sweep.
    let unfinished = data.path().join("store/snap.0000000000000001.generating");
    fs::write(&unfinished, "").unwrap();
    let error = Sled::open(data.path(), CACHE_BYTES).unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error:?}");
    assert!(error.to_string().starts_with("another teawatch is using "), "{error}");
    assert!(unfinished.exists());
    first.commit(one(Tree::Meta, b"a", vec![1])).unwrap();
    drop(first);
    assert_eq!(records(&mut open(data.path())).len(), 1);

    // Nor is there a way around our lock: sled's own counts as well.
    let other = open_sled(data.path());
    let error = Sled::open(data.path(), CACHE_BYTES).unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error:?}");
    drop(other);
}

#[test]
fn an_unfinished_snapshot_is_swept_away() {
    for garbage in [&b""[..], b"garbage that is long enough to be taken for a snapshot"] {
        let data = tempfile::tempdir().unwrap();
        open(data.path()).commit(one(Tree::Meta, b"a", vec![1])).unwrap();
        let unfinished = data.path().join("store/snap.ffffffffffffffff.generating");
        fs::write(&unfinished, garbage).unwrap();
        assert_eq!(records(&mut open(data.path())).len(), 1);
        assert!(!unfinished.exists());
    }
}

#[test]
fn a_store_with_another_schema_is_refused() {
    let data = tempfile::tempdir().unwrap();
    open(data.path()).commit(one(Tree::Meta, b"a", vec![1])).unwrap();
    let schema = |change: &dyn Fn(&sled::Tree)| {
        let db = open_sled(data.path());
        change(&db.open_tree("store").unwrap());
        drop(db);
        Sled::open(data.path(), CACHE_BYTES).map(drop).unwrap_err()
    };

    let newer = schema(&|tree| drop(tree.insert("schema", &(SCHEMA + 1).to_be_bytes()).unwrap()));
    assert!(newer.to_string().contains("has schema 2"), "{newer}");
    assert!(newer.to_string().contains("up to 1"), "{newer}");
    let none = schema(&|tree| drop(tree.remove("schema").unwrap()));
    assert!(none.to_string().contains("records but no schema"), "{none}");
    let nonsense = schema(&|tree| drop(tree.insert("schema", "one").unwrap()));
    assert!(nonsense.to_string().contains("schema is no number"), "{nonsense}");
}

#[test]
fn a_store_without_its_data_file_is_not_taken_for_a_new_one() {
    let data = tempfile::tempdir().unwrap();
    open(data.path()).commit(one(Tree::Meta, b"a", vec![1])).unwrap();
    // The snapshot comes with the next start.
    drop(open(data.path()));
    fs::remove_file(data.path().join("store/db")).unwrap();
    let error = Sled::open(data.path(), CACHE_BYTES).unwrap_err();
    assert!(error.to_string().contains("`db` is missing"), "{error}");
}

#[test]
fn damage_is_told_in_words_with_what_to_do() {
    let source = tempfile::tempdir().unwrap();
    let mut store = open(source.path());
    for n in 0..200_u64 {
        store.commit(one(Tree::Checks, &n.to_be_bytes(), bytes(2000, n))).unwrap();
    }
    drop(store);
    let sound = fs::read(source.path().join("store/db")).unwrap();
    let mut refused = 0;
    for part in 1..8 {
        let data = tempfile::tempdir().unwrap();
        copy(source.path(), data.path());
        let mut damaged = sound.clone();
        let middle = damaged.len() * part / 8;
        for byte in &mut damaged[middle..middle + 64] {
            *byte ^= 0xff;
        }
        fs::write(data.path().join("store/db"), &damaged).unwrap();

        let output = ask("look", data.path());
        let said = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!stderr.contains("panicked"), "part {part}: {stderr}");
        if said.contains("teawatch restore") {
            refused += 1;
        } else {
            assert!(said.contains("found 200"), "part {part}: {said}");
        }
        assert!(data.path().join("store/db").exists());
    }
    assert!(refused > 0);
}

#[test]
fn a_store_that_has_lost_its_last_commits_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let earlier = tempfile::tempdir().unwrap();
    let commit = |commits: std::ops::RangeInclusive<u64>| {
        let mut store = open(data.path());
        for n in commits {
            store.commit(one(Tree::Checks, b"a", bytes(10, n))).unwrap();
        }
    };
    commit(1..=5);
    copy(data.path(), earlier.path());
    assert_eq!(records(&mut open(earlier.path())).len(), 1);
    commit(6..=8);

    fs::copy(data.path().join("store/commits"), earlier.path().join("store/commits")).unwrap();
    let error = Sled::open(earlier.path(), CACHE_BYTES).unwrap_err();
    assert!(error.to_string().contains("last commits are missing, 3 of 8"), "{error}");

    // After a power cut the file may be behind, or empty.
    for witness in [&2_u64.to_be_bytes()[..], &[]] {
        fs::write(data.path().join("store/commits"), witness).unwrap();
        commit(9..=9);
    }
}

/// Copies a store that nobody has open.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("store/blobs")).unwrap();
    for entry in fs::read_dir(from.join("store")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join("store").join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn a_commit_in_memory_fails_when_it_was_ordered_to_and_the_store_stays_failed() {
    for (fault, kept) in [(Fault::Lost, 1), (Fault::Applied, 2)] {
        let mut store = Memory::new();
        store.order(2, fault);
        store.commit(one(Tree::Checks, b"a", vec![1])).unwrap();
        let error = store.commit(one(Tree::Checks, b"b", vec![1])).unwrap_err();
        assert!(error.is_final(), "{error:?}");
        for writes in [one(Tree::Checks, b"c", vec![1]), WriteSet::new()] {
            let error = store.commit(writes).unwrap_err();
            assert!(matches!(error, Error::Failed), "{error:?}");
        }

        let mut restarted = store.crash();
        assert_eq!(records(&mut restarted).len(), kept, "{fault:?}");
        restarted.commit(one(Tree::Checks, b"d", vec![1])).unwrap();
        assert_eq!(records(&mut restarted).len(), kept + 1, "{fault:?}");
        assert_eq!(records(&mut store).len(), kept, "{fault:?}");
    }
}

#[test]
fn a_commit_in_memory_hangs_until_it_is_released() {
    let mut store = Memory::new();
    store.order(1, Fault::Hang);
    let mut engine = store.clone();
    let hanging = thread::spawn(move || engine.commit(one(Tree::Checks, b"a", vec![1])));
    eventually("the commit has begun", || store.commits() == 1);
    assert!(!hanging.is_finished());
    assert!(records(&mut store.crash()).is_empty(), "a crash now would lose it");
    store.release();
    hanging.join().unwrap().unwrap();
    assert_eq!(records(&mut store).len(), 1);
}

fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn write_sets() -> impl Strategy<Value = Vec<Vec<(u8, u8, Option<u32>)>>> {
    // A few of the longest fill the journal.
    let length =
        prop_oneof![Just(0_u32), 1..100_u32, 4000..4200_u32, 8000..40_000_u32, Just(700_000_u32)];
    let write = (0..3_u8, 0..4_u8, proptest::option::weighted(0.7, length));
    proptest::collection::vec(proptest::collection::vec(write, 0..6), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Whatever is written, the disk holds what the memory holds, reopened or not.
    #[test]
    fn disk_and_memory_agree(script in write_sets()) {
        let data = tempfile::tempdir().unwrap();
        let mut memory = Memory::new();
        let mut sled = open(data.path());
        for (round, writes) in (0_u64..).zip(script) {
            let mut set = WriteSet::new();
            for (tree, key, length) in writes {
                let tree = Tree::ALL[usize::from(tree)];
                let key = vec![0; usize::from(key)];
                match length {
                    Some(length) => set.put_bytes(tree, key, bytes(length as usize, round)),
                    None => set.delete(tree, key),
                }
            }
            memory.commit(set.clone()).unwrap();
            sled.commit(set).unwrap();
            // Looking empties the journal.
            if round % 4 == 1 {
                prop_assert_eq!(records(&mut sled), records(&mut memory));
            }
            if round % 3 == 2 {
                drop(sled);
                sled = open(data.path());
            }
        }
        drop(sled);
        prop_assert_eq!(records(&mut open(data.path())), records(&mut memory));
    }
}

// The kill test.

/// How many records of history are kept; the older ones are deleted as new ones come.
const KEPT: u64 = 100;

/// The write set number `n`, over four trees. Its history has one to six pieces.
fn numbered(n: u64) -> WriteSet {
    let mut writes = one(Tree::Checks, &[u8::try_from(n % 20).unwrap()], n.to_be_bytes().to_vec());
    writes.put_bytes(Tree::History, Key::new().u64(n), history(n));
    writes.put_bytes(Tree::Outbox, Key::new().u64(n), n.to_be_bytes().to_vec());
    writes.put_bytes(Tree::Meta, "last", n.to_be_bytes().to_vec());
    if let Some(old) = n.checked_sub(3) {
        writes.delete(Tree::Outbox, Key::new().u64(old));
    }
    if let Some(old) = n.checked_sub(KEPT) {
        writes.delete(Tree::History, Key::new().u64(old));
    }
    writes
}

fn history(n: u64) -> Vec<u8> {
    bytes(usize::try_from(n % 7).unwrap() * 3500, n)
}

fn last(records: &Records) -> u64 {
    let last = records.get(&(Tree::Meta, b"last".to_vec()));
    last.map_or(0, |last| u64::from_be_bytes(last.as_slice().try_into().unwrap()))
}

#[test]
fn kill_minus_nine_loses_nothing_acknowledged_and_tears_nothing() {
    let data = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..15 {
        let mut child = process("write", data.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        if round % 3 == 2 {
            // Perhaps while it starts.
            thread::sleep(Duration::from_micros(random_below(80_000)));
        } else {
            // Enough to fill the journal now and then.
            let acks = 1 + random_below(240);
            acknowledged = lines.by_ref().take_acks(acks).last().unwrap_or(acknowledged);
            thread::sleep(Duration::from_micros(random_below(3_000)));
        }
        kill(&mut child);
        acknowledged = lines.take_acks(u64::MAX).last().unwrap_or(acknowledged);

        // What the disk must hold is what a memory holds after the same write sets.
        let found = records(&mut open(data.path()));
        let last = last(&found);
        assert!(last >= acknowledged, "round {round}: {last} of {acknowledged}");
        let mut expected = Memory::new();
        for n in (1..=last).skip_while(|n| n + 2 * KEPT < last) {
            expected.commit(numbered(n)).unwrap();
        }
        assert!(found == records(&mut expected), "round {round}: torn at {last}");
    }
    assert!(acknowledged > 15, "only {acknowledged} commits were acknowledged");
}

trait Acks: Iterator<Item = std::io::Result<String>> + Sized {
    /// The numbers of the first `count` acknowledgements.
    fn take_acks(self, count: u64) -> impl Iterator<Item = u64> {
        self.map(Result::unwrap)
            .filter_map(|line| line.strip_prefix("ack ")?.parse().ok())
            .take(usize::try_from(count).unwrap())
    }
}

impl<I: Iterator<Item = std::io::Result<String>>> Acks for I {}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait_in_time();
}

/// A file that may not grow stands for a disk that is full.
#[test]
fn after_a_failed_write_nothing_more_is_written_and_nothing_acknowledged_is_lost() {
    let data = tempfile::tempdir().unwrap();
    let task = process("write until it fails", data.path());
    let mut limited = Command::new("sh");
    limited.args(["-c", r#"trap "" XFSZ; ulimit -f 4096; exec "$0" "$@""#]);
    limited.arg(task.get_program()).args(task.get_args());
    limited.envs(task.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = finish(limited);
    let said = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let acknowledged = said.lines().map(|line| Ok(line.to_owned())).take_acks(u64::MAX).last();
    let acknowledged = acknowledged.unwrap();
    assert!(said.contains("the store cannot be read or written, final"), "{said}{stderr}");
    assert!(said.contains("the store failed before, and has to be opened again, final"), "{said}");
    assert!(!stderr.contains("panicked"), "{stderr}");

    let found = last(&records(&mut open(data.path())));
    assert!(found >= acknowledged, "{found} of {acknowledged}");
}

#[test]
fn what_sled_logs_comes_out_as_our_own_log_does() {
    let data = tempfile::tempdir().unwrap();
    let output = ask("log as json", data.path());
    let stderr = String::from_utf8_lossy(&output.stderr);
    let line = stderr.lines().find(|line| line.contains("no previous snapshot found"));
    let line: serde_json::Value = serde_json::from_str(line.expect(&stderr)).unwrap();
    assert_eq!(line["level"], "DEBUG");
    assert!(line["target"].as_str().unwrap().starts_with("sled::"), "{line}");

    let data = tempfile::tempdir().unwrap();
    let output = ask("log as text", data.path());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("DEBUG sled::"), "{stderr}");
    assert!(!stderr.contains('\u{1b}'), "no colours where there is no terminal");
}

/// This test binary again, to do `task` on the store in `data`.
fn process(task: &str, data: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "store::a_process_of_its_own", "--nocapture", "--test-threads=1"])
        .env("STORE_TASK", task)
        .env("STORE_DATA", data);
    command
}

/// Runs a task to its end, which must come.
fn ask(task: &str, data: &Path) -> Output {
    finish(process(task, data))
}

fn finish(mut command: Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let drain = thread::spawn(move || {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text).unwrap();
        text
    });
    let mut text = Vec::new();
    stdout.read_to_end(&mut text).unwrap();
    let status = child.wait_in_time();
    Output { status, stdout: text, stderr: drain.join().unwrap() }
}

/// Not a test by itself: what the other tests start as a process, and idle otherwise.
#[test]
fn a_process_of_its_own() {
    let Ok(task) = std::env::var("STORE_TASK") else { return };
    let data = std::env::var_os("STORE_DATA").unwrap();
    let data = Path::new(&data);
    // The test's own name stands on the line where this begins.
    println!();
    match task.as_str() {
        "write" => {
            let mut store = open(data);
            for n in last(&records(&mut store)) + 1.. {
                store.commit(numbered(n)).unwrap();
                println!("ack {n}");
            }
        }
        "write until it fails" => {
            let mut store = open(data);
            let mut n = 0;
            let error = loop {
                n += 1;
                match store.commit(numbered(n)) {
                    Ok(()) => println!("ack {n}"),
                    Err(error) => break error,
                }
            };
            let again = store.commit(numbered(n)).unwrap_err();
            for error in [error, again] {
                println!("{error}, {}", if error.is_final() { "final" } else { "passing" });
            }
        }
        "look" => {
            let looked = Sled::open(data, CACHE_BYTES).and_then(|mut store| {
                let mut found = 0;
                store.load(&mut |_, _, _| {
                    found += 1;
                    Ok(())
                })?;
                Ok(found)
            });
            match looked {
                Ok(found) => println!("found {found}"),
                Err(error) => println!("{error}"),
            }
        }
        "log as json" | "log as text" => {
            let format = if task == "log as json" { Format::Json } else { Format::Text };
            telemetry::init("sled=debug", format).unwrap();
            drop(open(data));
        }
        other => panic!("no such task: {other}"),
    }
}
