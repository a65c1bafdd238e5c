//! What does not fit in a report.

use super::Host;
use crate::support::{Gitea, StandIn, Teawatch};

/// A server that notes what it is sent, and a host of it.
fn noted(settings: &str) -> (tempfile::TempDir, Gitea, Teawatch, StandIn, Host) {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let server = StandIn::before(&teawatch.url);
    let host = Host::new(&format!("server = \"{}\"\n{settings}", server.url));
    (data, gitea, teawatch, server, host)
}

#[test]
fn a_report_with_too_many_words_is_cut_until_it_fits_and_names_every_check() {
    let mut settings = String::new();
    for number in 0..500 {
        settings += &format!(
            "[[command]]\nname = \"c{number}\"\ncommand = [\"sh\", \"-c\", \"cat long; exit 2\"]\ntimeout = \"60s\"\n"
        );
    }
    let (_data, _gitea, teawatch, server, host) = noted(&settings);
    // Quotation marks take twice their room in JSON.
    host.write("long", &"it is \"broken\"\n".repeat(400));
    let output = host.run(&["agent", "--quiet", "--every", "1h"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    let sent = server.asked().remove(0);
    assert!(sent.body.len() <= 1024 * 1024, "{}", sent.body.len());
    let observations = sent.json()["observations"].as_array().unwrap().clone();
    assert_eq!(observations.len(), 500);
    assert!(observations.iter().all(|one| one["summary"] == "it is \"broken\""));
    assert!(observations.iter().all(|one| !one["details"].as_str().unwrap().is_empty()));
    let checks = teawatch.get("/api/v1/checks?limit=500").1;
    assert_eq!(checks["items"].as_array().unwrap().len(), 500);
}

#[test]
fn a_report_with_few_words_is_not_cut() {
    let (_data, _gitea, _teawatch, server, host) =
        noted("[[command]]\nname = \"c\"\ncommand = [\"sh\", \"-c\", \"cat long; exit 2\"]\n");
    host.write("long", &("first\n".to_owned() + &"x".repeat(2_900)));
    host.run(&["agent", "--quiet"]);
    let sent = server.asked().remove(0).json();
    assert!(sent["observations"][0]["details"].as_str().unwrap().len() >= 2_900, "{sent:#}");
}

#[test]
fn a_folder_whose_jobs_have_no_room_beside_the_others_is_told_as_one() {
    let folder =
        |name: &str| format!("[[folder]]\nname = \"{name}\"\npath = \"{name}\"\nper_job = true\n");
    let other = "[[command]]\nname = \"c\"\ncommand = [\"true\"]\n";
    let (_data, _gitea, _teawatch, server, host) = noted(&(folder("a") + &folder("b") + other));
    for number in 0..499 {
        host.write(&format!("a/j{number}.last"), "{}");
        host.write(&format!("b/j{number}.last"), "{}");
    }
    // With those of the folders themselves, and of the command, it is one too many.
    let output = host.run(&["agent", "--quiet"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let sent = server.asked().remove(0).json();
    let seen = sent["observations"].as_array().unwrap();
    let names: Vec<_> = seen.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!((names.len(), names[0], names[501]), (502, "c", "b"));
    assert!(names.contains(&"a") && names.contains(&"a/j498"), "{names:?}");
    let said = seen[501]["summary"].as_str().unwrap();
    assert!(said.starts_with("500 results are too many beside the others"), "{said}");
}

#[test]
fn no_name_of_a_file_costs_the_whole_report() {
    let (_data, _gitea, teawatch, server, host) =
        noted("[[folder]]\nname = \"jobs\"\npath = \"jobs\"\nper_job = true\n");
    let long = "x".repeat(198);
    for job in [&(long.clone() + "a"), &(long.clone() + "b"), "blank ", "blank", "fine"] {
        host.write(&format!("jobs/{job}.last"), "{}");
    }
    let output = host.run(&["agent", "--quiet"]);
    assert!(output.stderr.is_empty(), "{output:?}");
    assert_eq!(server.asked().len(), 1);
    let checks = teawatch.get("/api/v1/checks").1;
    let names: Vec<_> =
        checks["items"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    // The host's own, the folder's own, and one for each file.
    assert_eq!(names.len(), 7, "{names:#?}");
    assert!(names.contains(&"jobs/fine".into()) && names.contains(&"jobs/blank".into()));
}
