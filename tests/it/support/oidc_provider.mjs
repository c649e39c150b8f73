// An OpenID Connect provider for the tests: oauth2-mock-server with a control server over HTTP.
// Usage: node oidc_provider.mjs PATH_OF_THE_PACKAGE
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const { OAuth2Server } = await import(pathToFileURL(process.argv[2]));
const server = new OAuth2Server();
await server.issuer.keys.generate("RS256", { kid: "first" });
await server.start(0, "127.0.0.1");

// How the next responses differ from the provider's own; see `OidcProvider::configure`.
let overrides = {};
const requests = [];

const merge = (into, changes) => {
  for (const [name, value] of Object.entries(changes ?? {})) {
    if (value === null) delete into[name];
    else into[name] = value;
  }
};
const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const decode = (part) => JSON.parse(Buffer.from(part, "base64url"));

const jwks = server.issuer.keys.toJSON.bind(server.issuer.keys);
server.issuer.keys.toJSON = (all) => {
  if (!all) requests.push({ kind: "keys" });
  return jwks(all).filter((key) => all || !(overrides.hidden_keys ?? []).includes(key.kid));
};

server.service.on("beforeWellKnownOpenIdConfiguration", (response) => {
  requests.push({ kind: "metadata" });
  merge(response.body, overrides.metadata);
});
server.service.on("beforeTokenSigning", (token) => {
  // Of the two tokens, the ID token is the one with an audience.
  if (token.payload.aud === undefined) return;
  merge(token.payload, overrides.claims);
});
server.service.on("beforeResponse", (response, request) => {
  requests.push({ kind: "token", body: request.body, authorization: request.headers.authorization });
  const [header, payload, signature] = response.body.id_token.split(".");
  if (overrides.alg_none) {
    response.body.id_token = `${encode({ alg: "none", typ: "JWT" })}.${payload}.`;
  } else if (overrides.tampered) {
    const claims = { ...decode(payload), ...overrides.tampered };
    response.body.id_token = `${header}.${encode(claims)}.${signature}`;
  }
  merge(response.body, overrides.token_answer);
  response.statusCode = overrides.token_status ?? response.statusCode;
});
server.service.on("beforeUserinfo", (response, request) => {
  requests.push({ kind: "userinfo", authorization: request.headers.authorization });
  merge(response.body, overrides.userinfo);
  response.statusCode = overrides.userinfo_status ?? response.statusCode;
});

const control = createServer(async (request, response) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  if (request.url === "/configure") overrides = JSON.parse(text);
  if (request.url === "/rotate") await server.issuer.keys.generate(JSON.parse(text).alg, JSON.parse(text));
  response.end(JSON.stringify(requests));
});
control.listen(0, "127.0.0.1", () => {
  const { port } = control.address();
  console.log(JSON.stringify({ issuer: server.issuer.url, control: `http://127.0.0.1:${port}` }));
});
