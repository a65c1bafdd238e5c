//! Bodies that take their time.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::known;
use crate::support::{
    Gitea, Letter, PATIENCE, Report, Teawatch, eventually, failing, figure, passing,
};

/// Sends a body in two halves with a pause between them. Returns the answer, and when it came.
fn post(teawatch: &Teawatch, head: &str, body: &str, pause: Duration) -> (String, Duration) {
    let mut stream = TcpStream::connect(teawatch.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (first, rest) = body.split_at(body.len() / 2);
    let length = body.len();
    write!(
        stream,
        "{head}host: teawatch\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{first}"
    )
    .unwrap();
    let (began, mut late) = (Instant::now(), stream.try_clone().unwrap());
    let rest = rest.to_owned();
    let sending = std::thread::spawn(move || {
        std::thread::sleep(pause);
        // Who was cut off cannot send it.
        drop(late.write_all(rest.as_bytes()));
    });
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let took = began.elapsed();
    sending.join().unwrap();
    (answer, took)
}

#[test]
fn a_body_has_its_time_to_arrive_and_no_longer_whoever_sends_it() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("limits.body_timeout", "2s")];
    let mut command = Teawatch::command(data.path(), &gitea, &settings);
    command.env("TEAWATCH_WEBHOOK_SECRET", "s3cret-hook");
    let teawatch = Teawatch::launch(command);
    let secret = Teawatch::secret("db1");
    let proof = format!("authorization: Bearer {}\r\n", secret.expose());
    let reports = "POST /api/v1/reports HTTP/1.1\r\nteawatch-source: db1\r\n";
    let body = failing("db1/disk").body.to_string();
    let (soon, late) = (Duration::from_millis(500), Duration::from_secs(4));
    let proven = format!("{reports}{proof}");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (answer, _) = post(&teawatch, &proven, &body, soon);
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        });
        let alertmanager = format!("POST /api/v1/alertmanager?source=db1 HTTP/1.1\r\n{proof}");
        let hooks = "POST /webhooks/gitea HTTP/1.1\r\n".to_owned();
        for head in [reports.to_owned(), proven.clone(), alertmanager, hooks] {
            let (teawatch, body) = (&teawatch, &body);
            scope.spawn(move || {
                let (answer, took) = post(teawatch, &head, body, late);
                assert!(answer.starts_with("HTTP/1.1 408 "), "{head}{answer}");
                assert!(answer.contains("\"too_slow\""), "{answer}");
                assert!(took >= Duration::from_millis(1_900) && took < late, "{took:?}");
            });
        }
    });
    let names = known(&teawatch)[0]["items"].as_array().unwrap().len();
    assert_eq!(names, 2, "the check and its agent");
}

#[test]
fn slow_strangers_hold_so_much_together_and_whoever_is_quick_is_heard_all_the_same() {
    const KIB: usize = 1024;
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [
        ("limits.report_bytes", "65536"),
        ("limits.webhook_bytes", "65536"),
        ("limits.unproven_bytes", "131072"),
    ];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    let crowded = || figure(&teawatch.url, "teawatch_crowded_bodies_total");
    // Nobody knows who they are, and none of them ever ends.
    let stranger = |door: &str| {
        let mut stream = TcpStream::connect(teawatch.url.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!("POST {door} HTTP/1.1\r\nhost: teawatch\r\nconnection: close\r\n");
        write!(stream, "{head}content-length: {}\r\n\r\n", 64 * KIB).unwrap();
        stream.write_all(&vec![b' '; 63 * KIB]).unwrap();
        stream
    };
    // Two fit, and with each further one another must go.
    let doors = ["/api/v1/reports", "/webhooks/fire_due", "/api/v3/checks/", "/api/v1/reports"];
    let strangers = doors.map(stranger);
    eventually("two had to go", || crowded() == 2.0);
    // Short and long ones that come at once are heard while the others hold all there is.
    teawatch.report(&passing("db1/disk"));
    let mut long = Report::new("db1").check("long", "failure", "much to say");
    long.body["observations"][0]["details"] = "x".repeat(60 * KIB).into();
    let letters = [Letter::of(&long), Letter::of(&long).in_chunks()];
    for letter in letters.iter().cycle().take(10) {
        let answer = letter.send(&teawatch);
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let had_to_go = crowded();
    let answers = strangers.map(|mut stranger| {
        stranger.write_all(&[b' '; KIB]).unwrap();
        let mut answer = String::new();
        stranger.read_to_string(&mut answer).unwrap();
        answer
    });
    let told: Vec<_> = answers.iter().filter(|it| it.starts_with("HTTP/1.1 503 ")).collect();
    assert_eq!(told.len() as f64, had_to_go, "{answers:?}");
    for answer in told {
        let answer = answer.to_lowercase();
        assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
        assert!(answer.contains("too many bodies are arriving"), "{answer}");
    }
}
