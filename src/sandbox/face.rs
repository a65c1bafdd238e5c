//! The model over HTTP.
//!
//! Translates, waits and hangs up; decides nothing. Work that was asked for is done even if
//! the client has left meanwhile, as in a real server.

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::middleware;
use axum::routing::any;
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Method, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::faults::{BodyKind, Fate, refusal};
use super::line::{Line, Lines};
use super::message::{Request, Response};
use super::world::{ROOT_URL, World};
use super::{admin, courier, pages};
use crate::clock::Clock;

/// The model, shared between its HTTP face and whoever looks at it.
pub type Shared = Arc<Mutex<World>>;

/// The largest body that is read, in bytes. Gitea itself has no limit, but the proxies in
/// front of it have.
const BODY_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// What the handlers share.
#[derive(Debug, Clone)]
pub(super) struct Face {
    world: Shared,
    pub(super) clock: Clock,
    /// Counts the releases of stalled requests.
    releases: watch::Sender<u64>,
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
}

impl Face {
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        // A test that panicked while it held the lock has left a whole model behind.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets all stalled requests go on.
    pub(super) fn release(&self) {
        self.releases.send_modify(|releases| *releases += 1);
    }
}

/// Serves the model until `shutdown` is there. Requests that stall then are hung up.
pub async fn serve(
    listener: TcpListener,
    world: Shared,
    clock: Clock,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let face = Face {
        world,
        clock,
        releases: watch::Sender::new(0),
        stop: CancellationToken::new(),
        tasks: TaskTracker::new(),
    };
    let (stop, tasks) = (face.stop.clone(), face.tasks.clone());
    let stopped = async move {
        shutdown.await;
        stop.cancel();
    };
    face.tasks.spawn(courier::run(face.clone()));
    let tree = tree(face).into_make_service_with_connect_info::<Line>();
    axum::serve(Lines(listener), tree).with_graceful_shutdown(stopped).await?;
    tasks.close();
    tasks.wait().await;
    Ok(())
}

fn tree(face: Face) -> Router {
    Router::new()
        .merge(pages::tree())
        .merge(admin::tree())
        .layer(middleware::from_fn(same_origin))
        .route("/api/{*rest}", any(api))
        .with_state(face)
}

/// Refuses what a page of another origin asks a browser to send.
async fn same_origin(
    request: axum::extract::Request,
    next: middleware::Next,
) -> Result<axum::response::Response, StatusCode> {
    if request.method() != Method::GET && !is_ours(request.headers()) {
        return Err(StatusCode::FORBIDDEN);
    }
    Ok(next.run(request).await)
}

/// Whether a request can come from a page of ours, or from no page at all.
fn is_ours(headers: &HeaderMap) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = header(HOST.as_str()).unwrap_or_default();
    header("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"))
        && header(ORIGIN.as_str()).is_none_or(|origin| origin.strip_prefix("http://") == Some(host))
}

async fn api(
    State(face): State<Face>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: axum::extract::Request,
) -> axum::response::Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT_BYTES).await else {
        let too_large = StatusCode::PAYLOAD_TOO_LARGE.as_u16();
        return answer(refusal(too_large, None, BodyKind::Html, ROOT_URL));
    };
    let request: Request = http::Request::from_parts(parts, body.to_vec()).into();
    // Subscribed before the fate is known, so that no release is missed.
    let mut released = face.releases.subscribe();
    let fate = face.world().answer_with_fault(&request, face.clock.now());
    let response = match fate {
        Fate::Answered(response) => Some(response),
        Fate::HungUp => None,
        Fate::Stalled => {
            tokio::select! {
                _ = released.changed() => {}
                () = face.stop.cancelled() => {}
            }
            None
        }
        Fate::Held(delay) => {
            let delay = delay.map(|delay| Duration::try_from(delay).unwrap_or_default());
            held(&face, request, delay, released).await
        }
    };
    if let Some(response) = response {
        return answer(response);
    }
    line.cut();
    answer(Response::empty(StatusCode::OK))
}

/// Does later what was asked, in a task of its own, which outlives the client's patience.
/// `None` if the sandbox stops before.
async fn held(
    face: &Face,
    request: Request,
    delay: Option<Duration>,
    mut released: watch::Receiver<u64>,
) -> Option<Response> {
    let (done, answered) = oneshot::channel();
    let worker = face.clone();
    face.tasks.spawn(async move {
        let waited = async {
            match delay {
                Some(delay) => tokio::time::sleep(delay).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = waited => {}
            _ = released.changed() => {}
            () = worker.stop.cancelled() => return,
        }
        let response = worker.world().carry_out(&request, worker.clock.now());
        // A client that has left gets no answer; the work is done all the same.
        drop(done.send(response));
    });
    answered.await.ok()
}

fn answer(response: Response) -> axum::response::Response {
    http::Response::<Vec<u8>>::from(response).map(Body::from)
}
