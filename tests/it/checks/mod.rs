//! Checks that people, programs and the configuration define.

mod commands;
mod configured;
mod manage;

use std::process::Output;

use crate::pings::key;
use crate::support::{Teawatch, client};

/// What a command prints that goes well.
#[track_caller]
fn told(output: &Output) -> String {
    assert!(output.status.success(), "{}", complaint(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a command complains of.
fn complaint(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The status that a ping of `web1` is answered with.
fn ping(teawatch: &Teawatch, path: &str) -> u16 {
    let url = format!("{}/ping/{}/{path}", teawatch.url, key("web1"));
    client().get(url).send().unwrap().status().as_u16()
}
