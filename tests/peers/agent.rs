//! The agent among interpreters, file systems and system calls of the real kind.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const TEAWATCH: &str = env!("CARGO_BIN_EXE_teawatch");

fn write(home: &Path, name: &str, text: &str) {
    std::fs::write(home.join(name), text).unwrap();
}

/// Runs a command at `home`, with the agent's settings there.
fn run(home: &Path, program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(home)
        .env("HOME", home)
        .env_remove("TEAWATCH_AGENT_CONFIG")
        .output();
    output.unwrap_or_else(|error| panic!("{program} cannot be started: {error}"))
}

fn cycle(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

#[test]
fn r13_every_interpreter_that_is_known_finds_a_syntax_error_and_runs_nothing() {
    let home = tempfile::tempdir().unwrap();
    let sources = [
        ("py", "open('ran', 'w')\n", "def f(:\n    pass\n"),
        ("sh", "touch ran\n", "if true; then\n"),
        ("bash", "touch ran\n", "for x in; do\n"),
        ("js", "require('fs').writeFileSync('ran', '')\n", "function (\n"),
        ("mjs", "import fs from 'fs'; fs.writeFileSync('ran', '')\n", "import from\n"),
        ("rb", "File.write('ran', '')\n", "def f(\n"),
        ("php", "<?php file_put_contents('ran', '');\n", "<?php function f( {\n"),
        ("json", "{\"a\": 1}", "{\"a\": 1,}"),
    ];
    let mut settings = String::new();
    for (extension, good, bad) in sources {
        for (what, source) in [("good", good), ("bad", bad)] {
            let name = format!("{what}.{extension}");
            write(home.path(), &name, source);
            settings += &format!("[[syntax]]\nname = \"{name}\"\npath = \"{name}\"\n");
        }
    }
    // The two errors in one commit that started it all, found in one look.
    write(home.path(), "worker.py", "try:\n    x = {'a': 1\nexcept:\n    pass\n");
    settings += "[[syntax]]\nname = \"worker\"\npath = \"worker.py\"\n";
    write(home.path(), "teawatch-agent.toml", &settings);
    let said = cycle(&run(home.path(), TEAWATCH, &["agent", "--dry-run", "--json"]));
    let mut failed: Vec<_> = sources.iter().map(|(kind, ..)| format!("bad.{kind}")).collect();
    failed.push("worker".to_owned());
    assert_eq!(said["failed"], serde_json::json!(failed), "{said:#}");
    assert_eq!(said["unknown"], serde_json::json!([]), "{said:#}");
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
    assert_eq!(left.len(), 2 * sources.len() + 2, "something was written: {left:?}");
}

#[test]
fn a_full_file_system_is_told_from_one_without_inodes_and_from_one_with_room() {
    let home = tempfile::tempdir().unwrap();
    write(
        home.path(),
        "teawatch-agent.toml",
        "[[disk]]\nname = \"full\"\npath = \"full\"\n\
         [[disk]]\nname = \"no inodes\"\npath = \"inodes\"\n\
         [[disk]]\nname = \"room\"\npath = \"room\"\n",
    );
    let script = format!(
        "set -e; mkdir full inodes room
         mount -t tmpfs -o size=1m tmpfs full; head -c 1000000 /dev/zero > full/f
         mount -t tmpfs -o size=1m,nr_inodes=10 tmpfs inodes; for n in 1 2 3 4 5 6 7 8 9; do : > inodes/$n; done
         mount -t tmpfs -o size=1m tmpfs room
         {TEAWATCH} agent --dry-run --json || test $? = 1"
    );
    let output = run(home.path(), "unshare", &["-Urm", "sh", "-c", &script]);
    let said = cycle(&output);
    assert_eq!(said["failed"], serde_json::json!(["full", "no inodes"]), "{said:#}");
    let summary = |index: usize| said["checks"][index]["summary"].as_str().unwrap();
    assert!(summary(0).contains("of the space"), "{said:#}");
    assert!(summary(1).contains("of the inodes"), "{said:#}");
}

#[test]
fn r25_a_dry_run_makes_no_connection_and_writes_nothing() {
    let home = tempfile::tempdir().unwrap();
    write(
        home.path(),
        "teawatch-agent.toml",
        "server = \"http://127.0.0.1:9/\"\nping_url = \"http://127.0.0.1:9/\"\n\
         [[disk]]\nname = \"d\"\npath = \"/\"\nmax_percent = 100\nmax_inodes_percent = 100\n\
         [[process]]\nname = \"p\"\npattern = \"strace\"\n",
    );
    let calls =
        "trace=connect,sendto,sendmsg,rename,renameat,renameat2,mkdir,mkdirat,unlink,openat";
    let arguments = ["-f", "-o", "calls", "-e", calls, TEAWATCH, "agent", "--dry-run"];
    let output = run(home.path(), "strace", &arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let calls = std::fs::read_to_string(home.path().join("calls")).unwrap();
    assert!(calls.contains("teawatch-agent.toml"), "nothing was traced:\n{calls}");
    let is_change = |line: &&str| {
        let names =
            ["connect(", "sendto(", "sendmsg(", "rename", "mkdir", "unlink", "O_CREAT", "O_WRONLY"];
        names.iter().any(|name| line.contains(name))
    };
    let changes: Vec<_> = calls.lines().filter(is_change).collect();
    assert!(changes.is_empty(), "{changes:#?}");
}

#[test]
fn r14_a_disk_that_hangs_holds_up_only_what_is_on_it() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "slow.sh", "true\n");
    write(home.path(), "slow.json", "{}\n");
    std::os::unix::fs::symlink("/bin/true", home.path().join("slow")).unwrap();
    write(
        home.path(),
        "teawatch-agent.toml",
        "[[syntax]]\nname = \"source\"\npath = \"slow.sh\"\ntimeout = \"300ms\"\n\
         [[syntax]]\nname = \"json\"\npath = \"slow.json\"\ntimeout = \"300ms\"\n\
         [[heartbeat]]\nname = \"heartbeat\"\npath = \"slow.json\"\ntimeout = \"300ms\"\n\
         [[file]]\nname = \"file\"\npath = \"slow.json\"\ntimeout = \"300ms\"\n\
         [[disk]]\nname = \"disk\"\npath = \"slow.json\"\ntimeout = \"300ms\"\n\
         [[command]]\nname = \"plugin\"\ntimeout = \"300ms\"\ncommand = [\"./slow\"]\n\
         [[file]]\nname = \"fine\"\npath = \"/\"\n",
    );
    // Every call for these files takes longer than anybody would wait.
    let delay = "inject=statx,openat,execve,statfs:delay_enter=20000000";
    let calls = "trace=statx,openat,execve,statfs";
    let files = ["-P", "slow.sh", "-P", "slow.json", "-P", "./slow"];
    let arguments = ["-f", "-o", "calls", "-e", calls, "-e", delay, TEAWATCH, "agent"];
    let arguments = [&files[..], &arguments[..], &["--dry-run", "--json"]].concat();
    let said = cycle(&run(home.path(), "strace", &arguments));
    let hang = ["heartbeat", "source", "json", "disk", "file", "plugin"];
    assert_eq!(said["unknown"], serde_json::json!(hang), "{said:#}");
    // Far less than the delay of one call, and than all timeouts one after another would be
    // with it.
    assert!(said["took_seconds"].as_f64().unwrap() < 15.0, "{said:#}");
}
