// Calls of the program that served the page. All addresses are relative to it.

const url = path => new URL(path, new URL(".", location.href));

/// An answer, or an error in the server's words.
async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(url(path), {method, body: body && JSON.stringify(body), headers: body && {"Content-Type": "application/json"}});
  } catch {
    throw new Error("nobody answers; is the network still running?");
  }
  if (answer.ok) return answer;
  let {detail, hint, call} = await answer.json().catch(() => ({}));
  // Calls are for programs; a page has buttons.
  if (call) hint = {resumeNode: "resume it first", restartNode: "start it again first", heal: "heal the network"}[call.operation];
  throw new Error(`${detail ?? `${answer.status} ${answer.statusText}`}${hint ? ` (${hint})` : ""}`);
}

export const get = async path => (await ask("GET", path)).json();
export const getText = async path => (await ask("GET", path)).text();
export const getBytes = async path => new Uint8Array(await (await ask("GET", path)).arrayBuffer());
export const post = async (path, body = {}) => (await ask("POST", path, body)).json();
export const del = async path => (await ask("DELETE", path)).json();
export const events = after => new EventSource(url(`api/v1/events${after ? `?after=${after}` : ""}`));
export const pageOf = node => url(`node/${node}/`).href;
