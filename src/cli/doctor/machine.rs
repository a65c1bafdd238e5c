//! This machine: files of secrets, the data directory, the disk that it is on.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::{Access, access};

use crate::cli::setup::Findings;
use crate::cli::space;
use crate::config::{Config, Shown, Sources};
use crate::store::Space;

/// Rights of those who are neither the owner nor of the group: credentials of systemd may be
/// for a group.
const OTHERS: u32 = 0o007;

/// Rights of all but the owner.
const NOT_THE_OWNER: u32 = 0o077;

pub(super) fn look(
    config: &Config,
    sources: &Sources,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    secrets(&Shown::load(sources)?, findings);
    data_dir(&config.data_dir, findings);
    disk(&config.data_dir, config.free_bytes, findings);
    Ok(())
}

/// Whether everybody on this machine can read a secret.
fn secrets(shown: &Shown, findings: &mut Findings) {
    const CHECK: &str = "secrets";
    let places = shown.json["secrets"].as_object().into_iter().flatten();
    let places = places.filter_map(|(key, place)| Some((key, place.as_str()?)));
    let mut open = 0;
    for (key, place) in places {
        // What is no file is a variable.
        let Ok(metadata) = fs::metadata(place) else { continue };
        if metadata.permissions().mode() & OTHERS != 0 {
            open += 1;
            let says = format!("everybody on this machine can read {place}, which holds `{key}`");
            findings.fault(CHECK, says, format!("chmod 600 {place}"));
        }
    }
    if open == 0 {
        findings.well(CHECK, "nobody else can read their files");
    }
}

fn data_dir(path: &Path, findings: &mut Findings) {
    const CHECK: &str = "data";
    let shown = path.display();
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let says = format!("{shown} is not there yet: the first start makes it");
            return match access(existing(path), Access::WRITE_OK | Access::EXEC_OK) {
                Ok(()) => findings.well(CHECK, says),
                Err(error) => {
                    let says = format!("{shown} is not there, and cannot be made: {error}");
                    findings.fault(CHECK, says, "make it for the user that teawatch runs as");
                }
            };
        }
        Err(error) => {
            let says = format!("{shown} cannot be looked at: {error}");
            return findings.fault(CHECK, says, "run this as the user that teawatch runs as");
        }
    };
    if !metadata.is_dir() {
        findings.fault(CHECK, format!("{shown} is no directory"), "name another with `data_dir`");
    } else if let Err(error) = access(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        let says = format!("{shown} cannot be used: {error}");
        findings.fault(CHECK, says, "run this as the user that teawatch runs as, or chown it");
    } else if metadata.permissions().mode() & NOT_THE_OWNER != 0 {
        let says = format!("others can look into {shown}");
        findings.fault(CHECK, says, format!("chmod 700 {shown}"));
    } else {
        findings.well(CHECK, format!("{shown} is there, for its owner alone"));
    }
}

fn disk(data_dir: &Path, least: u64, findings: &mut Findings) {
    const CHECK: &str = "disk";
    match Space::look(existing(data_dir)) {
        Ok(space) => match space::words(space, least) {
            Some(words) => findings.fault(
                CHECK,
                words,
                "free some, or move `data_dir`; `limits.free_bytes` says how much is asked for",
            ),
            None => findings.well(CHECK, format!("{} MiB are free", space.free >> 20)),
        },
        Err(error) => {
            let says = format!("its room cannot be told: {error}");
            findings.fault(CHECK, says, "run this as the user that teawatch runs as");
        }
    }
}

/// The directory, or the one above it that is there.
fn existing(path: &Path) -> &Path {
    let found = path.ancestors().find(|path| path.is_dir());
    found.unwrap_or(Path::new("."))
}
