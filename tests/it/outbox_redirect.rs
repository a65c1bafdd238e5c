//! A repository whose name leads to itself.

use std::future::{Future, ready};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use teawatch::alert::Salt;
use teawatch::clock::Clock;
use teawatch::engine::settings::Settings;
use teawatch::engine::{self, Core, Repository};
use teawatch::gitea::{Transport, TransportError};
use teawatch::outbox::{self, Courier, Host, Ledger, News, Worker};
use teawatch::sandbox::{BOT_TOKEN, Fate, Request, World};
use teawatch::store::Memory;

use crate::support::{REPOSITORY, SALT};

const NOW: Timestamp = Timestamp::constant(1_767_323_045, 0);

#[derive(Debug)]
struct Book(Mutex<Core>);

impl Ledger for Book {
    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core, Timestamp) -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, engine::Error>> + Send {
        ready(Ok(work(&mut self.0.lock().unwrap(), NOW)))
    }
}

/// Something in front of Gitea sends everybody who names a repository where they came from.
#[derive(Debug)]
struct Circle(Mutex<World>);

impl Transport for Circle {
    fn call(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> BoxFuture<'_, Result<http::Response<Vec<u8>>, TransportError>> {
        let path = request.uri().path().to_owned();
        let answer = if path.starts_with("/api/v1/repos/") {
            http::Response::builder().status(301).header("location", path).body(Vec::new()).unwrap()
        } else {
            let answer = self.0.lock().unwrap().answer_with_fault(&Request::from(request), NOW);
            let Fate::Answered(answer) = answer else { panic!("{answer:?}") };
            answer.into()
        };
        Box::pin(ready(Ok(answer)))
    }
}

#[test]
fn a_redirect_to_the_very_name_that_was_asked_for_is_a_refusal_with_words() {
    let instance = "0123456789abcdef".to_owned();
    let (memory, salt) = (&mut Memory::new(), Salt::new(SALT));
    let core = Core::load(memory, Settings::default(), salt.clone(), None, instance, NOW).unwrap();
    let transport = Arc::new(Circle(Mutex::new(World::demo())));
    let base = "http://gitea.test".parse().unwrap();
    let worker = Worker {
        ledger: Book(Mutex::new(core)),
        host: Host::new(&base, &BOT_TOKEN.into(), transport, None).unwrap(),
        settings: outbox::Settings::default(),
        salt,
        clock: Clock::from_fn(|| NOW),
        courier: Courier::default(),
        dice: || 0,
    };
    let mut record = Repository::default();
    for id in [Some(1), None] {
        record.admission.id = id;
        let news = worker.probe(REPOSITORY, &record).now_or_never().unwrap().unwrap();
        let News::Refused(reason) = news else { panic!("{news:?}") };
        assert!(reason.contains("301"), "{reason}");
        let told = reason.starts_with("ops/alerts is redirected to itself: ");
        assert_eq!(told, id.is_some(), "{reason}");
        let news = worker.adopt(REPOSITORY, &record).now_or_never().unwrap().unwrap();
        assert!(matches!(news, News::Refused(_)), "{news:?}");
    }
}
