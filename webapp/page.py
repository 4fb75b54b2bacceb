"""One plain page: what this is, and a form to try it with."""

from __future__ import annotations

from flask import Blueprint, Response

blueprint = Blueprint("page", __name__)

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Text to sound</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
textarea { width: 100%; box-sizing: border-box; font: inherit }</style>
<h1>Text to sound</h1>
<p>Each line becomes a step of one durable execution. Kill the worker while it runs: another one goes on
at the line where it was.</p>
<form>
<p><label>Lines<br><textarea name="lines" rows="6">Hello.
The quick brown fox jumps over the lazy dog.
Good night.</textarea></label></p>
<p><button>Render</button> <output></output></p>
</form>
<script>
const form = document.querySelector("form"), out = document.querySelector("output");
const show = (text, href) => {
  const node = document.createElement(href ? "a" : "span");
  node.textContent = text;
  if (href) node.href = href;
  out.replaceChildren(node);
};
const follow = async (url) => {
  const answer = await fetch(url), it = await answer.json();
  if (answer.status === 202) {
    show(`${it.status}: ${it.progress.done} of ${it.progress.total} steps ${it.progress.note}`, url);
    setTimeout(follow, 500, url);
  } else if (it.result) show(`${it.result.seconds} seconds of ${it.result.voice}`, it.result.file);
  else show(it.detail || it.error.message);
};
form.onsubmit = async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ text_list: form.lines.value.split("\\n") });
  const answer = await fetch(`/render/page-${Date.now().toString(36)}`,
    { method: "POST", body, headers: { "Content-Type": "application/json" } });
  if (answer.ok) follow(answer.headers.get("Location"));
  else show((await answer.json()).detail);
};
</script>
</html>
"""


@blueprint.get("/")
def show() -> Response:
    """Send the page."""
    return Response(PAGE, mimetype="text/html")
