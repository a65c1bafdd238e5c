//! Markdown as Gitea shows it, as far as the pages need it.
//!
//! Text comes from outside, so raw HTML is shown as text, and only addresses that cannot
//! run anything become links. HTML comments are hidden, as in Gitea: markers must not show.

use maud::PreEscaped;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

/// The text as HTML that is safe to put into a page.
pub(super) fn rendered(text: &str) -> PreEscaped<String> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM;
    let mut block: Option<String> = None;
    let events = Parser::new_ext(text, options).flat_map(|event| match event {
        // A block of HTML comes line by line; a comment may span several of them.
        Event::Start(Tag::HtmlBlock) => {
            block = Some(String::new());
            Vec::new()
        }
        Event::End(TagEnd::HtmlBlock) => shown(&block.take().unwrap_or_default()),
        Event::Html(part) => match &mut block {
            Some(block) => {
                block.push_str(&part);
                Vec::new()
            }
            None => shown(&part),
        },
        Event::InlineHtml(part) => shown(&part),
        // Gitea keeps the line ends of issues and comments.
        Event::SoftBreak => vec![Event::HardBreak],
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let dest_url = if is_harmless(&dest_url) { dest_url } else { "#".into() };
            vec![Event::Start(Tag::Link { link_type, dest_url, title, id })]
        }
        // Pictures are named, not fetched.
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => Vec::new(),
        other => vec![other],
    });
    let mut page = String::with_capacity(text.len() * 2);
    html::push_html(&mut page, events);
    PreEscaped(page)
}

/// Raw HTML as text, without its comments.
fn shown(raw: &str) -> Vec<Event<'static>> {
    let text = without_comments(raw);
    if text.trim().is_empty() { Vec::new() } else { vec![Event::Text(text.into())] }
}

/// A comment that never ends hides the rest.
fn without_comments(raw: &str) -> String {
    let mut kept = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once("<!--") {
        kept.push_str(before);
        rest = after.split_once("-->").map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    kept
}

fn is_harmless(address: &str) -> bool {
    let address = address.to_ascii_lowercase();
    ["http://", "https://", "mailto:", "/", "#"].iter().any(|start| address.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::rendered;

    #[track_caller]
    fn check(text: &str, wanted: &str) {
        assert_eq!(rendered(text).0, wanted);
    }

    #[test]
    fn comments_are_hidden_and_other_html_is_text() {
        check("a\n\n<!-- teawatch:v1 x -->\n\nb", "<p>a</p>\n<p>b</p>\n");
        check("a <!-- hidden --> b", "<p>a  b</p>\n");
        check("<!-- over\ntwo lines -->\n", "");
        check("<!-- without end", "");
        check("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;");
        check("a <b>c</b>", "<p>a &lt;b&gt;c&lt;/b&gt;</p>\n");
        check("<!-- x --><img src=y>", "&lt;img src=y&gt;");
    }

    #[test]
    fn addresses_that_run_something_are_no_links() {
        check("[a](javascript:alert(1))", "<p><a href=\"#\">a</a></p>\n");
        check("[a](https://b.example)", "<p><a href=\"https://b.example\">a</a></p>\n");
        check("![a](https://b.example/c.png)", "<p>a</p>\n");
    }

    #[test]
    fn a_comment_in_code_is_code() {
        check("`<!-- a -->`", "<p><code>&lt;!-- a --&gt;</code></p>\n");
    }
}
