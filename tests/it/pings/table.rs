//! What every address is answered, by UUID and by slug, as a real Healthchecks was seen to.

use http::Method;
use serde_json::Value;
use teawatch::check::{Definition, Keywords};

use super::{Turned, key, said};
use crate::support::{client, figure};

const RID: &str = "2C9c4D2e-3f2a-4b1c-8d5e-6f7a8b9c0d1e";

fn started() -> Turned {
    Turned::start("2026-01-01T00:00:00Z")
}

#[test]
fn every_address_of_a_uuid_is_answered_as_healthchecks_does() {
    let turned = started();
    turned.define("job", Definition::default());
    let uuid = turned.uuid("job");
    let unknown = "6b1f2c3d-0000-4000-8000-000000000000";
    for (path, status, words) in [
        (uuid.clone(), 200, "OK"),
        (format!("{uuid}/"), 200, "OK"),
        (format!("{uuid}/start"), 200, "OK"),
        (format!("{uuid}/fail"), 200, "OK"),
        (format!("{uuid}/log"), 200, "OK"),
        (format!("{uuid}/start/"), 404, "not found"),
        (format!("{uuid}/fail/"), 404, "not found"),
        (format!("{uuid}/log/"), 404, "not found"),
        (format!("{uuid}/0"), 200, "OK"),
        (format!("{uuid}/007"), 200, "OK"),
        (format!("{uuid}/255"), 200, "OK"),
        (format!("{uuid}/256"), 400, "invalid url format"),
        (format!("{uuid}/99999999999999999999"), 400, "invalid url format"),
        (format!("{uuid}/-1"), 404, "not found"),
        (format!("{uuid}/1.5"), 404, "not found"),
        (format!("{uuid}/stop"), 404, "not found"),
        (format!("{uuid}/0/"), 404, "not found"),
        (format!("{uuid}//"), 404, "not found"),
        (format!("/{uuid}"), 404, "not found"),
        (unknown.to_owned(), 404, "not found"),
        (format!("{unknown}/start"), 404, "not found"),
        (format!("{unknown}?create=1"), 404, "not found"),
        (format!("{unknown}?rid=x"), 404, "not found"),
        (uuid.to_uppercase(), 404, "not found"),
        (uuid.replace('-', ""), 404, "not found"),
        (format!("{uuid}?create=1"), 200, "OK"),
        (format!("{uuid}?rid={RID}"), 200, "OK"),
        (format!("{uuid}/start?rid={}", RID.to_lowercase()), 200, "OK"),
        (format!("{uuid}?rid=x&rid={RID}"), 200, "OK"),
        (format!("{uuid}?other=%ff&&="), 200, "OK"),
        (format!("{uuid}?rid="), 400, "invalid uuid format"),
        (format!("{uuid}?rid"), 400, "invalid uuid format"),
        (format!("{uuid}/start?rid={}", &RID[1..]), 400, "invalid uuid format"),
        (format!("{uuid}?rid={}", RID.replace('-', "")), 400, "invalid uuid format"),
        (format!("{uuid}?rid=%7B{RID}%7D"), 400, "invalid uuid format"),
    ] {
        for method in [Method::GET, Method::POST] {
            let answer = turned.send(method.clone(), &path, "");
            assert_eq!(answer, (status, words.to_owned()), "{method} {path}");
        }
        let (head, nothing) = turned.send(Method::HEAD, &path, "");
        assert_eq!((head, nothing.as_str()), (status, ""), "HEAD {path}");
    }
}

#[test]
fn a_slug_that_is_not_the_name_finds_its_check_and_two_of_them_are_ambiguous() {
    let turned = started();
    let slug = |slug: &str| Definition { slug: Some(slug.into()), ..Definition::default() };
    turned.define("Nightly copy of A", slug("nightly"));
    let base = format!("{}/nightly", key("web1"));
    turned.ping(&base);
    assert_eq!(turned.check("Nightly%20copy%20of%20A")["results"], 1);
    turned.define("Nightly copy of B", slug("nightly"));
    for path in ["", "/start", "/fail", "/0", "?create=1"] {
        let answer = turned.send(Method::GET, &format!("{base}{path}"), "");
        assert_eq!(answer, (409, "ambiguous slug".to_owned()), "{path}");
    }
    // Another source has its own.
    let other = format!("{}/nightly?create=1", key("web2"));
    assert_eq!(turned.send(Method::GET, &other, "").0, 201);
    turned.define("Nightly copy of B", slug("weekly"));
    turned.ping(&base);
    assert_eq!(turned.check("Nightly%20copy%20of%20A")["results"], 2);
    // A check whose name it is counts as well.
    turned.define("nightly", Definition::default());
    assert_eq!(turned.send(Method::GET, &base, "").0, 409);
}

#[test]
fn only_what_fetches_or_posts_is_a_ping() {
    let turned = started();
    turned.define("job", Definition::default());
    let uuid = turned.uuid("job");
    let by_slug = format!("{}/job", key("web1"));
    for path in [uuid.clone(), format!("{uuid}/fail"), by_slug] {
        for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(turned.send(method.clone(), &path, "").0, 405, "{method}");
        }
    }
    assert_eq!(turned.check("job")["results"], 0);
    for (count, method) in [Method::GET, Method::HEAD, Method::POST].into_iter().enumerate() {
        assert_eq!(turned.send(method, &uuid, "").0, 200);
        assert_eq!(turned.check("job")["results"], count + 1);
    }
}

#[test]
fn nothing_but_what_goes_below_the_address_of_pings_is_one() {
    let turned = started();
    turned.define("job", Definition::default());
    let uuid = turned.uuid("job");
    let ask = |method: Method, path: &str| {
        let url = format!("{}{path}", turned.inside.url);
        let answer = client().request(method, url).send().unwrap();
        let allowed = answer.headers().get("allow").map(|it| it.to_str().unwrap().to_owned());
        (answer.status().as_u16(), answer.text().unwrap(), allowed)
    };
    let unknown = (404, "not found".to_owned(), None);
    for path in ["/ping", "/ping/", "/ping//", "/ping/%ff", &format!("/ping/ping/{uuid}")] {
        assert_eq!(ask(Method::GET, path), unknown, "{path}");
    }
    for path in [format!("/pings/{uuid}"), format!("/ping{uuid}"), format!("//ping/{uuid}")] {
        let (status, words, _) = ask(Method::GET, &path);
        assert!(status == 404 && words.contains("no door at"), "{path}: {status} {words}");
    }
    // An escaped letter is the letter.
    let path = format!("/ping/{}", uuid.replacen('-', "%2d", 1));
    assert_eq!(ask(Method::GET, &path).0, 200);
    let (status, words, allowed) = ask(Method::PUT, &path);
    assert_eq!((status, allowed.as_deref()), (405, Some("GET,HEAD,POST")), "{words}");
    assert_eq!(turned.check("job")["results"], 1);
}

#[test]
fn a_check_that_wants_posts_answers_others_and_does_not_count_them() {
    let turned = started();
    let counted = |outcome: &str| {
        let series = format!("teawatch_pings_total{{outcome=\"{outcome}\"}}");
        figure(&turned.inside.url, &series)
    };
    // Each is there before there is anything to be counted.
    assert_eq!(["ignored", "ambiguous"].map(counted), [0.0, 0.0]);
    turned.define("job", Definition { post_only: true, ..Definition::default() });
    let uuid = turned.uuid("job");
    for method in [Method::GET, Method::HEAD] {
        assert_eq!(turned.send(method, &format!("{uuid}/fail"), "").0, 200);
    }
    assert_eq!(
        (turned.status("job").as_str(), &turned.check("job")["results"]),
        ("never_seen", &0.into())
    );
    turned.ping(&uuid);
    assert_eq!((turned.status("job").as_str(), &turned.check("job")["results"]), ("up", &1.into()));
    assert_eq!(counted("ignored"), 2.0);
}

#[test]
fn a_ping_ends_a_pause_unless_only_a_person_may() {
    let turned = started();
    let pause = |name: &str| {
        let id = teawatch::check::CheckId::new("web1", name);
        assert!(turned.inside.ask(move |core, now| core.pause(&id, "a person paused it", now)));
    };
    turned.define("job", Definition::default());
    turned.define("other", Definition { manual_resume: true, ..Definition::default() });
    for name in ["job", "other"] {
        turned.ping(&format!("{}/fail", turned.uuid(name)));
    }
    assert_eq!(turned.firing().len(), 2);
    ["job", "other"].into_iter().for_each(pause);
    assert_eq!(turned.firing(), Vec::<String>::new());
    assert_eq!([turned.status("job"), turned.status("other")], ["paused", "paused"]);
    // Defined anew it stays so.
    turned.define("job", Definition { post_only: true, ..Definition::default() });
    assert_eq!(turned.status("job"), "paused");
    for name in ["job", "other"] {
        turned.ping(&turned.uuid(name));
    }
    assert_eq!([turned.status("job"), turned.status("other")], ["up", "paused"]);
    let id = teawatch::check::CheckId::new("web1", "other");
    let resumed =
        turned.inside.ask(move |core, now| [core.resume(&id, now), core.resume(&id, now)]);
    assert_eq!(format!("{resumed:?}"), "[Done, WasNotPaused]");
    assert_eq!(turned.status("other"), "never_seen");
}

#[test]
fn words_in_the_body_count_where_the_address_says_no_more_than_that_all_is_well() {
    let turned = started();
    let words = |word: &str| vec![word.to_owned()];
    let keywords = Keywords {
        failure: words("ERROR"),
        success: words("done"),
        start: words("begin"),
        or_failure: false,
    };
    turned.define("job", Definition { keywords: Some(keywords.clone()), ..Definition::default() });
    let uuid = turned.uuid("job");
    let mut results = 0;
    for (action, body, status, counts) in [
        ("", "all done", "up", true),
        ("", "an ERROR, and done", "down", true),
        ("/0", "done", "up", true),
        ("/0", "1 ERROR", "down", true),
        // What says nothing of that kind is there to be read.
        ("", "nobody knows", "down", false),
        ("", "", "down", false),
        ("", "done", "up", true),
        // What says that it fails does, whatever it says besides.
        ("/fail", "done", "down", true),
        ("", "done", "up", true),
        ("/1", "done", "down", true),
        ("", "we begin", "down", false),
        ("/log", "done", "down", false),
        ("/start", "ERROR", "down", false),
    ] {
        assert_eq!(turned.send(Method::POST, &format!("{uuid}{action}"), body).0, 200);
        results += usize::from(counts);
        assert_eq!(turned.status("job"), status, "{action} {body}");
        assert_eq!(turned.check("job")["results"], results, "{action} {body}");
    }
    assert!(turned.check("job")["running_since"].is_string());
    // In the middle of something long, and cut in a character.
    let mut long = "é".repeat(2_000).into_bytes();
    long.truncate(3_999);
    long.extend(b"done");
    let url = format!("{}/ping/{uuid}", turned.inside.url);
    assert_eq!(said(client().post(url).body(long).send().unwrap()).0, 200);
    assert_eq!(turned.status("job"), "up");
    let strict = Keywords { or_failure: true, ..keywords };
    turned.define("job", Definition { keywords: Some(strict), ..Definition::default() });
    turned.ping(&uuid);
    assert_eq!(turned.status("job"), "down");
    let summary = turned.check("job")["latest"]["summary"].clone();
    assert_eq!(summary, "the body has none of the words that it must have");
}

#[test]
fn every_answer_says_how_much_of_a_body_is_read_and_is_for_everybody_and_no_cache() {
    let turned = started();
    turned.define("job", Definition::default());
    let uuid = turned.uuid("job");
    for path in [uuid.clone(), format!("{uuid}/256"), "nothing".to_owned(), format!("{uuid}/x/y")] {
        let answer = client().get(format!("{}/ping/{path}", turned.inside.url)).send().unwrap();
        for (name, value) in [
            ("ping-body-limit", "100000"),
            ("access-control-allow-origin", "*"),
            ("cache-control", "no-store"),
            ("content-type", "text/plain; charset=utf-8"),
        ] {
            assert_eq!(answer.headers()[name], value, "{path}");
        }
    }
}

#[test]
fn a_uuid_is_that_of_its_check_and_generation_and_goes_with_it() {
    let turned = started();
    turned.define("job", Definition::default());
    turned.define("other", Definition::default());
    let first = turned.uuid("job");
    assert_ne!(first, turned.uuid("other"));
    turned.define("job", Definition { generation: 1, ..Definition::default() });
    let second = turned.uuid("job");
    assert_ne!(first, second);
    assert_eq!(turned.send(Method::GET, &first, "").0, 404);
    turned.ping(&second);
    let forget = |turned: &Turned| {
        let url = format!("{}/api/v1/checks?source=web1&name=job", turned.inside.url);
        assert_eq!(client().delete(url).send().unwrap().status(), 200);
    };
    forget(&turned);
    assert_eq!(turned.send(Method::GET, &second, "").0, 404);
    assert_eq!(turned.send(Method::GET, &format!("{second}?create=1"), "").0, 404);
    // A check that is only heard of has none.
    let path = format!("{}/job?create=1", key("web1"));
    assert_eq!(turned.send(Method::GET, &path, "").0, 201);
    let id = teawatch::check::CheckId::new("web1", "job");
    assert_eq!(turned.inside.ask(move |core, _| core.ping_uuid(&id)), None);
    let unknown: Value = turned.check("none");
    assert_eq!(unknown["error"]["code"], "missing", "{unknown}");
}
