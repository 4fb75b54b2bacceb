"use strict";
// Everything that comes from a server or from people is put into the page as text, never as markup.

const $ = (id) => document.getElementById(id);
const JOIN = "put the lines together";
let watched = { stop() {} };

class Watched {
  constructor(id) {
    this.id = id;
    this.url = `/render/${encodeURIComponent(id)}`;
    this.attempt = 0;
    this.workers = {};
    this.rows = [];
    this.done = new Map(); // the attempt in which each step was done, by its id
    $("name").textContent = id;
    $("steps").replaceChildren();
    $("sound").hidden = true;
    $("sound").removeAttribute("src");
    $("execution").hidden = false;
    this.say("Asking …");
    this.stop = durable.follow(`${this.url}/status`, {
      onstate: (it) => this.onstate(it),
      onprogress: ({ total }) => this.onlines(total),
      onstep: (step) => this.onstep(step),
      onretry: () => this.say("The server does not answer. Nothing is lost; asking again …"),
      onend: (it) => this.onend(it),
      onerror: (problem) => this.onerror(problem),
    });
    this.fill();
  }

  say(text) {
    if (watched === this || !this.stop) $("said").textContent = text.charAt(0).toUpperCase() + text.slice(1);
  }

  /** Show the lines, which are what it was called with. */
  async fill() {
    const answer = await fetch(`/durable/executions/${encodeURIComponent(this.id)}?view=full`).catch(() => null);
    if (!answer?.ok || watched !== this) return;
    const { args, kwargs } = await answer.json();
    const lines = args[0] ?? kwargs.text_list;
    if (watched !== this || !Array.isArray(lines)) return;
    this.onlines(lines.length + 1);
    lines.forEach((line, n) => (this.rows[n].children[0].textContent = String(line) || " "));
  }

  onlines(total) {
    for (let n = this.rows.length; n < (total ?? 0); n++) {
      const row = document.createElement("li");
      row.append(document.createElement("span"), document.createElement("small"));
      row.children[0].textContent = n + 1 === total ? JOIN : `line ${n + 1}`;
      row.classList.toggle("join", n + 1 === total);
      this.rows.push(row);
      $("steps").append(row);
    }
    this.paint();
  }

  onstate(it) {
    this.status = it.status;
    if (it.attempt > this.attempt) {
      this.went = this.workers[this.attempt];
      this.attempt = it.attempt;
    }
    const words = { queued: "Waiting for a worker …", running: "At work …", parked: "Set aside after too many crashes." };
    if (!this.went) this.say(words[it.status] ?? `It is ${it.status}.`);
    if (it.worker) this.held(it.worker);
    else if (it.status === "running" && !this.workers[this.attempt]) this.look();
    this.paint();
  }

  /** Ask who holds it now: events do not say so. */
  async look() {
    const { attempt } = this;
    const answer = await fetch(`${this.url}/status`).catch(() => null);
    const holder = answer?.ok && (await answer.json()).worker;
    if (holder && attempt === this.attempt) this.held(holder);
  }

  held(holder) {
    const worker = `worker ${holder.split("@")[0]}`, isNew = !this.workers[this.attempt];
    this.workers[this.attempt] = worker;
    if (isNew && this.went && !this.over) this.say(`${this.went} is gone; ${worker} goes on.`);
    this.paint();
  }

  onstep(step) {
    if (step.state !== "resolved" || this.done.has(step.id)) return;
    this.done.set(step.id, this.attempt);
    this.paint();
  }

  paint() {
    const done = this.done.size, total = this.rows.length, over = this.over;
    $("bar").max = total || 1;
    $("bar").value = done;
    $("count").textContent = total ? `${done} of ${total}` : "";
    if ($("kill")) {
      $("kill").hidden = !!over;
      $("kill").disabled = this.status !== "running";
    }
    const attempts = [...this.done.values()];
    this.rows.forEach((row, n) => {
      const now = n === done && !over && this.status === "running";
      row.classList.toggle("done", n < done);
      row.classList.toggle("now", now);
      // What was done before the page was opened is known to be the first worker's as long as there is no second.
      const attempt = now ? this.attempt : n < done ? attempts[n] || (this.attempt === 1 ? 1 : 0) : 0;
      row.children[1].textContent = this.workers[attempt] ?? "";
    });
  }

  onend(it) {
    this.over = true;
    if (it.status === "succeeded") {
      const { seconds, voice, lines } = it.result;
      const by = this.went ? ` On the way ${this.went} died; nothing was lost.` : "";
      this.say(`Done: ${lines} ${lines === 1 ? "line" : "lines"}, ${seconds.toFixed(1)} seconds, voice ${voice}.${by}`);
      $("sound").src = `${this.url}/file`;
      $("sound").hidden = false;
    } else {
      this.say(`It ${{ failed: "failed", cancelled: "was cancelled", timed_out: "took too long" }[it.status] ?? "ended"}.`);
      $("alert").textContent = it.error?.message ?? "";
    }
    this.paint();
  }

  onerror(problem) {
    this.over = true;
    this.say("");
    $("alert").textContent = problem.detail ?? "This could not be shown.";
    this.paint();
  }
}

function show() {
  let id = location.hash.slice(1);
  try {
    id = decodeURIComponent(id);
  } catch {
    // An address somebody typed: it is shown, and asked for, as it is.
  }
  if (id === watched.id) return;
  watched.stop();
  $("alert").textContent = "";
  $("execution").hidden = true;
  watched = { stop() {} };
  if (id) watched = new Watched(id);
}

$("script").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.submitter ?? event.target.querySelector("button");
  const id = `page-${Array.from(crypto.getRandomValues(new Uint8Array(6)), (n) => n.toString(36)).join("")}`;
  const lines = $("lines").value.trimEnd().split("\n");
  button.disabled = true;
  $("alert").textContent = "";
  try {
    await durable.start(`/render/${id}`, { text_list: lines.join("") ? lines : [] });
    location.hash = id;
  } catch (problem) {
    $("alert").textContent = problem.detail ?? "The server answered in a way this page does not understand.";
  }
  button.disabled = false;
});

$("kill")?.addEventListener("click", async () => {
  const { id, attempt } = watched;
  const body = JSON.stringify({ id });
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch("/dev/kill", { method: "POST", body, headers }).catch(() => null);
  const said = await answer?.json().catch(() => null);
  if (watched.id !== id || watched.attempt !== attempt || watched.over) return;
  watched.say(answer?.ok ? `${said.killed} was killed. Waiting for another one …` : said?.detail ?? "Nobody was killed.");
});

addEventListener("hashchange", show);
show();
