//! Reactions to issues and comments.

use http::{Method, StatusCode};

use super::body::Fields;
use super::call::Call;
use super::issues::Reaction;
use super::lists::list;
use super::message::Response;
use super::refusal::Refusal;
use super::route::Route;
use super::world::World;

/// The reactions that a Gitea allows when nobody has changed its settings.
const ALLOWED: [&str; 8] = ["+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"];

impl World {
    /// `GET .../reactions`; those of an issue have a total.
    pub(super) fn list_reactions(&self, call: &Call<'_>) -> Result<Response, Refusal> {
        let frame = self.frame(call);
        if call.place.route == Route::IssueReactions {
            let reactions = &self.issue_of(call)?.reactions;
            let shapes: Vec<_> = self
                .page(call.request)
                .cut(reactions.iter())
                .into_iter()
                .map(|reaction| frame.reaction(reaction))
                .collect();
            return Ok(list(&shapes, reactions.len()));
        }
        let (_, comment) = self.event_of(call)?;
        let shapes: Vec<_> =
            comment.reactions.iter().map(|reaction| frame.reaction(reaction)).collect();
        Ok(Response::of(StatusCode::OK, &shapes))
    }

    /// `POST` and `DELETE .../reactions`: 201 when it is new, 200 when it was there.
    pub(super) fn change_reaction(&mut self, call: &Call<'_>) -> Result<Response, Refusal> {
        let fields = Fields::of(call.request, "EditReactionOption")?;
        let content = fields.text("content")?.unwrap_or_default();
        let viewer = call.viewer()?;
        let (issue, comment) = if call.place.route == Route::IssueReactions {
            (self.issue_of(call)?, None)
        } else {
            let (issue, comment) = self.event_of(call)?;
            (issue, Some(comment.id))
        };
        let number = issue.number;
        if issue.is_locked && !self.may_write(call)? {
            return Err(Refusal::forbidden("no permission to change reaction"));
        }
        let deleting = call.request.method == Method::DELETE;
        if !deleting && !ALLOWED.contains(&content) {
            return Err(Refusal::forbidden(format!("'{content}' is not an allowed reaction")));
        }
        let issue = self.issue_mut(call.repository()?, number);
        let reactions = issue.and_then(|issue| match comment {
            None => Some(&mut issue.reactions),
            Some(id) => {
                let comment = issue.timeline.iter_mut().find(|event| event.id == id);
                comment.map(|comment| &mut comment.reactions)
            }
        });
        let reactions = reactions.ok_or_else(Refusal::not_found)?;
        let is_same = |reaction: &Reaction| reaction.user == viewer && reaction.content == content;
        if deleting {
            reactions.retain(|reaction| !is_same(reaction));
            return Ok(Response::empty(StatusCode::NO_CONTENT));
        }
        let known = reactions.iter().find(|reaction| is_same(reaction)).cloned();
        let status = if known.is_some() { StatusCode::OK } else { StatusCode::CREATED };
        let reaction = known.unwrap_or_else(|| {
            let content = content.to_owned();
            let reaction = Reaction { user: viewer, content, created: call.now };
            reactions.push(reaction.clone());
            reaction
        });
        Ok(Response::of(status, &self.frame(call).reaction(&reaction)))
    }
}
