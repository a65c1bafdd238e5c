// Shows what is new every three seconds. Only the parts marked as live are replaced, so
// that nothing disturbs who is typing.
"use strict";
setInterval(async () => {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const other = fresh.getElementById(part.id);
      if (other && other.outerHTML !== part.outerHTML && !getSelection().toString()) {
        part.replaceWith(document.importNode(other, true));
      }
    }
  } catch {
    // The sandbox is away; the next turn tries again.
  }
}, 3000);
