//! Sends the messages of webhooks.
//!
//! One attempt each, in the order in which they were queued, and no word to anybody of how
//! it went, as Gitea does. Those that are to be late do not hold up the others.

use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;

use super::deliveries::Delivery;
use super::face::Face;

/// How long Gitea waits for a receiver.
const DELIVER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the model is asked for messages. It can be changed without any request.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Sends until the sandbox stops.
pub(super) async fn run(face: Face) {
    // Made when there is something to send, since it takes a moment.
    let mut client = None;
    loop {
        let taken = face.world().take_deliveries();
        for delivery in taken {
            let is_late = !delivery.delay.is_zero();
            let client = client.get_or_insert_with(new_client).clone();
            let sent = send(face.clone(), client, delivery);
            if is_late {
                face.tasks.spawn(sent);
            } else {
                sent.await;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = face.stop.cancelled() => return,
        }
    }
}

fn new_client() -> Client {
    // Another part of the process may have been first, which is as good.
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = Client::builder().timeout(DELIVER_TIMEOUT).redirect(Policy::none()).no_proxy();
    client.build().expect("a client that needs nothing from outside")
}

/// Sends one message after its delay, unless the sandbox stops before. Whether it arrived is
/// nobody's business: there is one attempt.
async fn send(face: Face, client: Client, delivery: Delivery) {
    let sent = async {
        tokio::time::sleep(Duration::try_from(delivery.delay).unwrap_or_default()).await;
        let mut request = client.post(&delivery.url).body(delivery.body());
        for (name, value) in delivery.headers() {
            request = request.header(name, value);
        }
        drop(request.send().await);
    };
    tokio::select! {
        () = sent => {}
        () = face.stop.cancelled() => {}
    }
}
