// The made-up EHR's own FHIR calls and the hook calls that it makes to the service.

/** An answer that is not 2xx, with what the other side said. */
export class Refused extends Error {
  constructor(status, body) {
    const issue = body?.issue?.[0];
    super(issue?.details?.text ?? issue?.diagnostics ?? `The other side answered ${status}.`);
    this.status = status;
    this.body = body;
  }
}

async function call(url, options = {}) {
  const reply = await fetch(url, options);
  const text = await reply.text();
  let body = null;
  try {
    body = text ? JSON.parse(text) : null;
  } catch {
    throw new Refused(reply.status, null);
  }
  if (!reply.ok) throw new Refused(reply.status, body);
  return body;
}

/** JSON from the service that serves this page. */
export const get = (url) => call(url, { headers: { Accept: "application/json" } });

/** JSON sent to the service that serves this page. */
export const post = (url, body) =>
  call(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

/** The FHIR server below `base`: searches as lists of resources, reads, creates. */
export function fhirServer(base) {
  const headers = { Accept: "application/fhir+json" };
  return {
    base,
    fetched: (path) => call(`${base}/${path}`, { headers }),
    read: (reference) => call(`${base}/${reference}`, { headers }),
    async search(path) {
      const bundle = await call(`${base}/${path}`, { headers });
      return (bundle.entry ?? []).filter((entry) => entry.search?.mode !== "outcome").map((entry) => entry.resource);
    },
    create: (resource) =>
      call(`${base}/${resource.resourceType}`, {
        method: "POST",
        headers: { ...headers, "Content-Type": "application/fhir+json" },
        body: JSON.stringify(resource),
      }),
  };
}

/** What the EHR holds of a patient; a search that fails leaves its type empty and its name in `failed`. */
export async function readChart(ehr, patient) {
  const searches = {
    Condition: `Condition?patient=${patient}&_count=100`,
    Observation: `Observation?patient=${patient}&_count=100`,
    Procedure: `Procedure?patient=${patient}&_count=100`,
    Coverage: `Coverage?patient=${patient}&_include=Coverage:payor&_count=100`,
    ServiceRequest: `ServiceRequest?patient=${patient}&_count=100`,
    QuestionnaireResponse: `QuestionnaireResponse?patient=${patient}&_count=100`,
  };
  const failed = [];
  const found = await Promise.all(
    Object.entries(searches).map(async ([type, path]) => {
      try {
        return await ehr.search(path);
      } catch {
        failed.push(type);
        return [];
      }
    }),
  );
  // Not every server filters every type by patient, so it is done again here.
  const foreign = (resource) => resource.subject?.reference && resource.subject.reference !== `Patient/${patient}`;
  const resources = found.flat().filter((resource) => !foreign(resource));
  const of = (type) => resources.filter((resource) => resource.resourceType === type);
  return { person: await ehr.read(`Patient/${patient}`), of, failed };
}
