//! What a server says of a data directory that it cannot use: in words, with what to do.

use std::fs;
use std::path::Path;
use std::process::Output;

use teawatch::store::{CACHE_BYTES, Sled, Store as _, Tree, WriteSet};

use crate::support::{CHECK, Gitea, InTime as _, Teawatch, all_is_told, failing, status};

/// A data directory in which an alert fires.
fn used(gitea: &Gitea) -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    let teawatch = Teawatch::start(data.path(), gitea, &[]);
    teawatch.report(&failing(CHECK));
    all_is_told(&teawatch, gitea);
    assert!(teawatch.stop().success());
    data
}

/// What a start in `data` says, which must fail in good order.
#[track_caller]
fn refused(data: &Path, gitea: &Gitea) -> String {
    let Output { status, stderr, .. } = Teawatch::command(data, gitea, &[]).output_in_time();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(!said.contains("panicked") && !said.contains("RUST_BACKTRACE"), "{said}");
    said
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn opens(data: &Path) -> bool {
    Sled::open(data, CACHE_BYTES).and_then(|mut store| store.load(&mut |_, _, _| Ok(()))).is_ok()
}

#[test]
fn a_flipped_byte_is_told_in_words_that_name_restore() {
    let gitea = Gitea::start();
    let data = used(&gitea);
    let length = fs::metadata(data.path().join("store/db")).unwrap().len();
    let mut refusals = 0;
    for part in 0..16 {
        let (tried, started) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        copy(data.path(), tried.path());
        let db = tried.path().join("store/db");
        let mut bytes = fs::read(&db).unwrap();
        let place = usize::try_from(length * part / 16).unwrap() + 40;
        bytes[place] ^= 0x10;
        fs::write(&db, &bytes).unwrap();
        copy(tried.path(), started.path());
        // Where nothing is written, nothing is damaged.
        if opens(tried.path()) {
            continue;
        }
        refusals += 1;
        // A start before that was cut off has left the copy.
        let was_cut_off = part % 4 == 1;
        if was_cut_off {
            bytes = b"as it was then".to_vec();
            fs::write(started.path().join("store/db.original"), &bytes).unwrap();
        }
        let said = refused(started.path(), &gitea);
        assert!(said.contains("is damaged (") && said.contains("`teawatch restore`"), "{said}");
        // D16: it is still there as it was, however often it is tried.
        let kept = || fs::read(started.path().join("store/db.damaged")).unwrap();
        assert!(kept() == bytes, "part {part} is not as it was");
        if part % 4 == 0 {
            refused(started.path(), &gitea);
            assert!(kept() == bytes, "part {part} is not as it was any more");
        }
    }
    assert!(refusals > 0);
    // Of a sound store no copy stays, also where a start was cut off.
    let copies = || {
        let names = fs::read_dir(data.path().join("store")).unwrap();
        let names = names.map(|it| it.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("db.")).collect::<Vec<_>>()
    };
    assert_eq!(copies(), [""; 0]);
    fs::write(data.path().join("store/db.original"), "cut off").unwrap();
    fs::write(data.path().join("store/db.unfinished"), "cut off").unwrap();
    assert!(Teawatch::start(data.path(), &gitea, &[]).stop().success());
    assert_eq!(copies(), [""; 0]);
}

#[test]
fn a_record_that_cannot_be_read_is_named_and_so_is_restore() {
    let gitea = Gitea::start();
    let data = used(&gitea);
    let mut store = Sled::open(data.path(), CACHE_BYTES).unwrap();
    let mut writes = WriteSet::new();
    writes.put_bytes(Tree::Sources, "\0\u{3}db1", b"\x01{".to_vec());
    store.commit(writes).unwrap();
    drop(store);
    let said = refused(data.path(), &gitea);
    assert!(said.contains(r"the record `\x00\x03db1` of sources/v1 cannot be read"), "{said}");
    assert!(said.contains("`teawatch restore`"), "{said}");
    // Whoever asks later is told the same.
    let (code, said) = status(data.path());
    assert_eq!(code, 1);
    assert!(said.contains("it could not start: cannot load the state"), "{said}");
    assert!(said.contains(r"\x00\x03db1") && said.contains("`teawatch restore`"), "{said}");
}

#[test]
fn what_a_kill_left_of_a_snapshot_keeps_nobody_from_starting() {
    let gitea = Gitea::start();
    let data = used(&gitea);
    for garbage in [&b""[..], b"garbage that is long enough to be taken for a snapshot"] {
        let left = data.path().join("store/snap.ffffffffffffffff.generating");
        fs::write(&left, garbage).unwrap();
        let teawatch = Teawatch::start(data.path(), &gitea, &[]);
        assert_eq!(teawatch.get("/readyz").1["engine"]["firing"], 1);
        assert!(!left.exists());
        assert!(teawatch.stop().success());
    }
}

#[test]
fn a_store_without_its_data_file_is_refused_also_where_there_is_no_snapshot() {
    let gitea = Gitea::start();
    let data = used(&gitea);
    fs::remove_file(data.path().join("store/db")).unwrap();
    for entry in fs::read_dir(data.path().join("store")).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    let said = refused(data.path(), &gitea);
    assert!(said.contains("its data file `db` is missing"), "{said}");
    assert!(said.contains("`teawatch restore`"), "{said}");
    assert!(!data.path().join("store/db").exists());
}

#[test]
fn a_directory_that_cannot_be_used_is_named_with_the_reason() {
    let gitea = Gitea::start();
    let parent = tempfile::tempdir().unwrap();
    let said = |place: &str| {
        let data = parent.path().join(place);
        let mut command = Teawatch::command(&data, &gitea, &[]);
        let output = command.current_dir(parent.path()).output_in_time();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(!said.contains("panicked") && said.contains(data.to_str().unwrap()), "{said}");
        said
    };
    let shown = |place| said(place).replace(parent.path().to_str().unwrap(), "...");
    // A file in its place is what not even root can look into.
    fs::write(parent.path().join("file"), "").unwrap();
    insta::assert_snapshot!(shown("file"), @"teawatch: cannot open the store in `.../file/store`: Not a directory (os error 20)");
    fs::create_dir(parent.path().join("data")).unwrap();
    fs::write(parent.path().join("data/store"), "").unwrap();
    insta::assert_snapshot!(shown("data"), @"teawatch: cannot open the store in `.../data/store`: File exists (os error 17)");
    // A data file that is none.
    fs::create_dir_all(parent.path().join("other/store/db")).unwrap();
    insta::assert_snapshot!(shown("other"), @"teawatch: cannot open the store in `.../other/store`: Is a directory (os error 21)");
}

#[test]
fn a_second_server_on_one_directory_is_refused_and_the_first_goes_on() {
    let gitea = Gitea::start();
    let data = tempfile::tempdir().unwrap();
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let said = refused(data.path(), &gitea);
    assert!(said.contains("another teawatch is using "), "{said}");
    teawatch.report(&failing(CHECK));
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.open(), 1);
}
