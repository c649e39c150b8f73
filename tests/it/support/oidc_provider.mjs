// An OpenID Connect provider for the tests: oauth2-mock-server, told over HTTP what to do next.
// Usage: node oidc_provider.mjs PATH_OF_THE_PACKAGE
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const { OAuth2Server } = await import(pathToFileURL(process.argv[2]));
const server = new OAuth2Server();
await server.issuer.keys.generate("RS256", { kid: "first" });
await server.start(0, "127.0.0.1");

// What the next answers are to be; see `Orders` in oidc_provider.rs.
let orders = {};
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
  if (!all) requests.push({ what: "keys" });
  return jwks(all).filter((key) => all || !(orders.hidden_keys ?? []).includes(key.kid));
};

server.service.on("beforeWellKnownOpenIdConfiguration", (response) => {
  requests.push({ what: "metadata" });
  merge(response.body, orders.metadata);
});
server.service.on("beforeTokenSigning", (token) => {
  // Of the two tokens, the ID token is the one with an audience.
  if (token.payload.aud === undefined) return;
  merge(token.payload, orders.claims);
});
server.service.on("beforeResponse", (response, request) => {
  requests.push({ what: "token", body: request.body, authorization: request.headers.authorization });
  const [header, payload, signature] = response.body.id_token.split(".");
  if (orders.alg_none) {
    response.body.id_token = `${encode({ alg: "none", typ: "JWT" })}.${payload}.`;
  } else if (orders.tampered) {
    const claims = { ...decode(payload), ...orders.tampered };
    response.body.id_token = `${header}.${encode(claims)}.${signature}`;
  }
  merge(response.body, orders.token_answer);
  response.statusCode = orders.token_status ?? response.statusCode;
});
server.service.on("beforeUserinfo", (response, request) => {
  requests.push({ what: "userinfo", authorization: request.headers.authorization });
  merge(response.body, orders.userinfo);
  response.statusCode = orders.userinfo_status ?? response.statusCode;
});

const control = createServer(async (request, response) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  if (request.url === "/orders") orders = JSON.parse(text);
  if (request.url === "/rotate") await server.issuer.keys.generate(JSON.parse(text).alg, JSON.parse(text));
  response.end(JSON.stringify(requests));
});
control.listen(0, "127.0.0.1", () => {
  const { port } = control.address();
  console.log(JSON.stringify({ issuer: server.issuer.url, control: `http://127.0.0.1:${port}` }));
});
