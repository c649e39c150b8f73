// A client of the API whose types openapi-typescript has generated from openapi.json. It signs in with a password, reads
// the user and refreshes, then switches the organisation of an exchange's session. It writes what it got as JSON.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };
const [url, email, password, exchanged, organization_id] = process.argv.slice(2) as [string, string, string, string, string];

const client = createClient<paths>({ baseUrl: url });
const authorized = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the response has another status or no such field");
  return value;
}

const pair = present((await client.POST("/api/token", { body: { email, password } })).data);
const me: components["schemas"]["CurrentUser"] = present((await client.GET("/api/users/me", authorized(pair.access))).data);
const refreshed = present((await client.POST("/api/token/refresh", { body: { refresh: present(pair.refresh) } })).data);
const again = present((await client.GET("/api/users/me", authorized(refreshed.access))).data);

// A password's tokens have no session at WorkOS: the error is typed too.
const organization = { body: { organization_id } };
const refused = await client.POST("/api/auth/organization", { ...organization, ...authorized(pair.access) });
const problem = present(refused.error);
const code = "code" in problem ? problem.code : undefined;

const switched = present((await client.POST("/api/auth/organization", { ...organization, ...authorized(exchanged) })).data);
const member = present((await client.GET("/api/users/me", authorized(switched.access_token))).data);

const wrong = await client.POST("/api/token", { body: { email, password: "not the password" } });

// Mistakes that the types have to find: without an error there, the compiler complains about the comment.
export async function mistakes(): Promise<void> {
  // @ts-expect-error: there is no such route.
  await client.GET("/api/users/you");
  // @ts-expect-error: a field is missing.
  await client.POST("/api/auth/organization", { body: {} });
  // @ts-expect-error: there is no such field.
  String(me.roll);
  // @ts-expect-error: under the cookie policy there is no refresh token.
  const refresh: string = pair.refresh;
  String(refresh);
}

console.log(JSON.stringify({
  email: me.email,
  same: me.id === again.id,
  permissions: me.permissions,
  refused: [refused.response.status, code],
  switched: [switched.user.email, member.organization_id, member.role],
  wrong: [wrong.response.status, wrong.error],
}));
