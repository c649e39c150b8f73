// A minimal single-page application on the same origin. It gets its tokens from the browser session and
// keeps them in memory only: a reload requests new ones, and no storage holds any.

let access = null;
let refresh = null;

const element = (id) => document.getElementById(id);

function show(text, signedIn) {
    element("state").textContent = text;
    element("in").hidden = !signedIn;
    element("out").hidden = signedIn;
}

// Sends a POST request with a JSON body, or a GET request without one. With the cookie policy the
// browser sends the tokens as cookies, and `refresh` stays null.
async function call(path, body) {
    const headers = {};
    if (access !== null) headers.Authorization = `Bearer ${access}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const response = await fetch(path, {
        method: body === undefined ? "GET" : "POST",
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        credentials: "same-origin",
    });
    return { status: response.status, answer: await response.json() };
}

const refreshBody = () => (refresh === null ? {} : { refresh });

// Gets a new access token; false if the user is no longer signed in.
async function renew() {
    const { status, answer } = await call("/api/token/refresh", refreshBody());
    if (status !== 200) return false;
    access = answer.access;
    refresh = answer.refresh ?? refresh;
    return true;
}

// Calls the API, and once more with a new access token if the token has expired.
async function callWithToken(path) {
    const first = await call(path);
    return first.status === 401 && (await renew()) ? call(path) : first;
}

async function begin() {
    const { status, answer } = await call("/api/auth/session", {});
    if (status !== 200) return show("Nobody is signed in.", false);
    access = answer.access_token;
    refresh = answer.refresh_token ?? null;
    show(`Signed in as ${answer.user.email}.`, true);
}

async function me() {
    const { status, answer } = await callWithToken("/api/users/me");
    if (status === 200) return show(`You are ${answer.email}.`, true);
    show(answer.detail, status !== 401);
}

async function refreshNow() {
    if (await renew()) return show("Refreshed.", true);
    show("Nobody is signed in any more.", false);
}

async function logOut() {
    const { status, answer } = await call("/api/auth/logout", refreshBody());
    if (status !== 200) return show(answer.detail, true);
    access = refresh = null;
    show(answer.message, false);
    // The session at WorkOS ends at this URL.
    location.assign(answer.workos_logout_url ?? answer.redirect_to);
}

for (const [id, act] of [["me", me], ["refresh", refreshNow], ["logout", logOut]]) {
    element(id).addEventListener("click", act);
}
begin();
