// Starts durable executions and follows them, in a browser. How to use it: docs/browser.md.
// It is served without its comments and indentation, in at most 2,048 bytes.
{
  // Seconds until one may ask again.
  let after = (r, n) => +r.headers.get("Retry-After") || Math.min(2 ** n, 15)

  // Asks until somebody answers who knows: not while the network, the server or its store is down.
  let ask = async (url, init, rest, n = 1) => {
    let r = await fetch(url, init).catch(Response.error)
    if (![0,429,502,503].includes(r.status) || await rest(after(r, n), 1)) return r
    return ask(url, init, rest, n + 1)
  }

  let start = async (url, body, init) => {
    let key = crypto.getRandomValues(new Uint32Array(4)).join()
    let headers = {"Content-Type": "application/json", "Idempotency-Key": key, ...init?.headers}
    init = {method: "POST", ...init, headers, body: JSON.stringify(body)}
    let r = await ask(url, init, s => new Promise(go => setTimeout(go, s * 1e3)))
    let it = await r.json()
    if (r.ok) return it
    throw it
  }

  let follow = (url, on) => {
    let over, es, wake, tag = "", at = {}, lost = 0, told = {}
    let stop = () => over = es?.close() ?? 1
    let tell = (name, it) => {
      // A step may be seen both ways, and is told once for each state it is in.
      if (over || name == "step" && told[it.id] == (told[it.id] = it.state + it.tries)) return
      // After the end, or an error, which are the first of the names, nothing is asked any more.
      if (name < "f") stop()
      on["on" + name]?.(it)
    }
    let rest = (s, down) => new Promise(go => {
      setTimeout(wake = go, s * 1e3)
      // While nothing answers it is not the stream's fault.
      if (down) tell("retry", s, lost = 0)
    }).then(() => over)
    let poll = async () => {
      let r = await ask(url, {headers: {"If-None-Match": tag}}, rest)
      let it = r.status != 304 && await r.json()
      if (it && r.ok) {
        tag = r.headers.get("ETag")
        at = it.links || at
        if (on.onstep && at.steps) it.steps = (await (await ask(at.steps, {}, rest)).json()).steps
        it.steps?.map(step => tell("step", step))
        it.progress && tell("progress", it.progress)
        tell(it.state == "pending" ? "state" : "end", it)
      } else if (it) tell("error", it)
      // A stream that fails three times in a row is given up for asking now and then.
      if (at.events && !es && lost < 3 && !over) {
        es = new EventSource(at.events)
        es.onopen = () => lost = 0
        es.onerror = () => {
          if (++lost > 2 || es.readyState > 1) es = es.close()
          wake()
        }
        for (let name of ["state","step","progress","end"])
          es.addEventListener(name, e => tell(name, JSON.parse(e.data)))
      }
      // Now and then also beside an open stream, which something on the way may hold back.
      return es?.readyState & 1 ? 15 : after(r, 0)
    }
    (async () => {
      while (!over) await rest(await poll().catch(() => 5))
    })()
    return stop
  }

  self.durable = {start, follow}
}
