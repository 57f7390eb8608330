// Sign-in at the EHR: SMART App Launch with PKCE by fhirclient, EHR launch and standalone, and what is checked of its answer.

import { ask, Problem } from "./problem.js";

const READS = ["Patient", "Coverage", "Organization", "ServiceRequest", "Condition", "Observation", "Procedure", "BodyStructure", "DiagnosticReport", "DocumentReference"];
const FORM = "QuestionnaireResponse";
const OWN = "cds-form:";

/** The scopes to ask for, in the words of SMART 2 or, where the EHR only knows those, SMART 1. */
function scopes(configuration, launched) {
  const modern = !configuration || (configuration.capabilities ?? []).includes("permission-v2");
  const reads = READS.map((type) => `patient/${type}.${modern ? "rs" : "read"}`);
  const form = modern ? [`patient/${FORM}.crus`] : [`patient/${FORM}.read`, `patient/${FORM}.write`];
  return [launched ? "launch" : "launch/patient", "openid", "fhirUser", ...reads, ...form].join(" ");
}

/** Starts the sign-in; leaves the page. Throws Problem. */
export async function begin() {
  const given = new URL(location.href).searchParams;
  const [handle, iss, launch] = ["handle", "iss", "launch"].map((name) => given.get(name) ?? "");
  // fhirclient lets the address overrule what it is told, so nothing of it stays there.
  history.replaceState(null, "", location.pathname);
  const opened = await ask("handle", { handle, iss });
  const configuration = await wellKnown(opened.fhirServer);
  const state = crypto.randomUUID();
  const redirectUri = location.origin + location.pathname.replace(/launch\/?$/, "");
  const address = await authorizeAddress({
    clientId: opened.clientId,
    scope: scopes(configuration, Boolean(launch)),
    redirectUri,
    iss: opened.fhirServer,
    launch: launch || undefined,
    stateKey: state,
    pkceMode: "ifSupported",
    completeInTarget: true,
    noRedirect: true,
  });
  const open = address.startsWith(redirectUri);
  if (open && !opened.openEhr) throw new Problem("no-sign-in");
  if (!open && !new URL(address).searchParams.get("code_challenge")) throw new Problem("no-pkce");
  const kept = { handle, iss: opened.fhirServer, order: opened.order, confidential: opened.confidential, open };
  sessionStorage.setItem(OWN + state, JSON.stringify(kept));
  location.replace(address);
}

async function wellKnown(server) {
  try {
    const response = await fetch(`${server}/.well-known/smart-configuration`, { headers: { Accept: "application/json" } });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

async function authorizeAddress(options) {
  try {
    return await FHIR.oauth2.authorize(options);
  } catch (error) {
    throw new Problem("ehr-unreachable", error.message);
  }
}

// What the EHR may answer instead of a code, and deserves a page of its own (RFC 6749, 4.1.2.1).
const REFUSALS = { access_denied: "denied", invalid_scope: "scope" };

/** The signed-in session: {client, handle, iss, open, patient, user}. Throws Problem. */
export async function finish() {
  const given = new URL(location.href).searchParams;
  const [error, code] = [given.get("error"), given.get("code")];
  const state = given.get("state") ?? lastState();
  const kept = JSON.parse(sessionStorage.getItem(OWN + state) ?? "null");
  if (!kept) throw new Problem("state");
  if (error) throw new Problem(REFUSALS[error] ?? "sign-in", given.get("error_description") ?? error);
  if (kept.confidential && code) await exchange(state, code, kept);
  const client = await ready(kept);
  sessionStorage.setItem(`${OWN}last`, state);
  if (kept.open) return { ...kept, client };
  return { ...kept, client, ...checked(client, kept) };
}

const lastState = () => sessionStorage.getItem(`${OWN}last`);

async function ready(kept) {
  try {
    const client = await FHIR.oauth2.ready();
    if (client.state.serverUrl.replace(/\/$/, "") !== kept.iss) throw new Problem("launch-foreign");
    return client;
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw refused(error.statusCode ?? error.status, error.message);
  }
}

/** What the token endpoint's refusal means. */
function refused(status, message) {
  if (status === 400 && /invalid_scope/.test(message)) return new Problem("scope", message);
  if (status === 400 || /invalid_grant/.test(message)) return new Problem("code", message);
  return status ? new Problem("sign-in", message) : new Problem("ehr-unreachable", message);
}

/** Trades the code for a token as a confidential client; its key stays on the service, which signs. */
async function exchange(state, code, kept) {
  const started = JSON.parse(sessionStorage.getItem(state) ?? "null");
  if (!started) throw new Problem("state");
  const { token_url: address, ...assertion } = await ask("assertion", { handle: kept.handle });
  if (address !== started.tokenUri) throw new Problem("sign-in", `The EHR names the token address ${started.tokenUri}, registered is ${address}.`);
  const form = { grant_type: "authorization_code", code, redirect_uri: started.redirectUri, code_verifier: started.codeVerifier };
  let response;
  try {
    response = await fetch(address, { method: "POST", body: new URLSearchParams({ ...form, ...assertion }) });
  } catch (error) {
    throw new Problem("ehr-unreachable", error.message);
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw refused(response.status, `${answer.error ?? response.status} ${answer.error_description ?? ""}`);
  const expiresAt = Math.floor(Date.now() / 1000) + (answer.expires_in ?? 300);
  sessionStorage.setItem(state, JSON.stringify({ ...started, tokenResponse: answer, expiresAt }));
}

/** Patient and user of the EHR's answer. Throws Problem for too little access, nobody, or the wrong context. */
function checked(client, kept) {
  const token = client.state.tokenResponse;
  const missing = lacking(token.scope);
  if (missing.length) throw new Problem("scope", `Not granted: ${missing.join(", ")}.`);
  if (!token.patient) throw new Problem("no-patient");
  for (const item of Array.isArray(token.fhirContext) ? token.fhirContext : []) {
    const named = item.reference ?? "";
    if (named.startsWith("ServiceRequest/") && named !== kept.order) throw new Problem("order-other", named);
  }
  const user = client.getFhirUser()?.split("/").slice(-2).join("/");
  if (!user) throw new Problem("no-user");
  if (!/^Practitioner(Role)?\//.test(user)) throw new Problem("not-practitioner", user);
  return { patient: token.patient, user };
}

/** What the form cannot do without and was not granted; an EHR that names no scopes gave what was asked. */
function lacking(granted) {
  if (!granted) return [];
  const all = granted.split(/\s+/);
  const may = (type, right) =>
    all.some((scope) => {
      const [, what, rights] = /^(?:patient|user|system)\/([\w*]+)\.([\w*]+)/.exec(scope) ?? [];
      if (what !== type && what !== "*") return false;
      const old = { read: "rs", write: "cud", "*": "cruds" }[rights];
      return (old ?? rights).includes(right);
    });
  const wanted = [["Patient", "r"], ["Condition", "s"], ["Observation", "s"], [FORM, "s"], [FORM, "c"], [FORM, "u"]];
  const words = { r: "reading", s: "searching", c: "saving new", u: "changing" };
  return wanted.filter(([type, right]) => !may(type, right)).map(([type, right]) => `${words[right]} ${type}`);
}
