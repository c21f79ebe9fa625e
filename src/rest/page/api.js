// Calls of the program that served the page. All addresses are relative to it.

const url = path => new URL(path, new URL(".", location.href));

/// An answer, or an error in the server's words.
async function call(method, path, body) {
  let answer;
  try {
    answer = await fetch(url(path), {method, body: body && JSON.stringify(body), headers: body && {"Content-Type": "application/json"}});
  } catch {
    throw new Error("nobody answers; is the network still running?");
  }
  if (answer.ok) return answer;
  const {detail, hint} = await answer.json().catch(() => ({}));
  throw new Error(`${detail ?? `${answer.status} ${answer.statusText}`}${hint ? ` (${hint})` : ""}`);
}

export const get = async path => (await call("GET", path)).json();
export const getText = async path => (await call("GET", path)).text();
export const getBytes = async path => new Uint8Array(await (await call("GET", path)).arrayBuffer());
export const post = async (path, body = {}) => (await call("POST", path, body)).json();
export const del = async path => (await call("DELETE", path)).json();
export const events = after => new EventSource(url(`api/v1/events${after ? `?after=${after}` : ""}`));
export const pageOf = node => url(`node/${node}/`).href;
