//! How a test ends: everything is told, and nothing is left over.

use serde_json::Value;

use super::{Gitea, Teawatch, eventually};

/// Waits until Gitea was told everything. Then nothing may be parked, nothing may refuse,
/// and Gitea must have understood every request.
#[track_caller]
pub fn all_is_told(teawatch: &Teawatch, gitea: &Gitea) {
    eventually("nothing waits in the outbox", || teawatch.outbox().is_empty());
    eventually("teawatch is ready", || teawatch.get("/readyz").0 == 200);
    assert_eq!(readiness(teawatch).1["notes"], serde_json::json!([]));
    assert_eq!(gitea.world().unknown_requests(), 0);
}

/// Whether teawatch says that it is ready, and all that it says.
pub fn readiness(teawatch: &Teawatch) -> (bool, Value) {
    let (status, body) = teawatch.get("/readyz");
    assert_eq!(status == 200, body["ready"] == true, "{body}");
    (status == 200, body)
}
