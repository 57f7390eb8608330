// What the form app reads from and saves to the EHR, with the person's own token.

import { CONTEXT } from "./response.js";

const FHIR_JSON = "application/fhir+json";

/** The patient, for the banner; null when it cannot be read. */
export const readPatient = (client, id) => client.request(`Patient/${id}`).catch(() => null);

/** The latest earlier response to this form for this order, or null. Servers may return more than was asked for. Throws where the EHR does not say. */
export async function earlierResponse(client, { patient, form, order }) {
  const query = `QuestionnaireResponse?patient=${encodeURIComponent(patient)}&_count=100`;
  // Past the cache of a server that answers an equal search for a minute: the form may have been saved just now.
  const found = await client.request({ url: query, cache: "no-store" }, { flat: true, pageLimit: 5 });
  const mine = found.filter((each) => isMine(each, { patient, form, order }));
  const moment = (each) => each.meta?.lastUpdated ?? each.authored ?? "";
  return mine.sort((a, b) => moment(a).localeCompare(moment(b))).at(-1) ?? null;
}

function isMine(response, { patient, form, order }) {
  if (response?.resourceType !== "QuestionnaireResponse") return false;
  if (!["in-progress", "completed", "amended"].includes(response.status)) return false;
  const ends = (reference, with_) => reference === with_ || Boolean(reference?.endsWith(`/${with_}`));
  const contexts = (response.extension ?? []).filter((extension) => extension.url === CONTEXT);
  return (
    response.questionnaire?.split("|")[0] === form.url &&
    ends(response.subject?.reference, `Patient/${patient}`) &&
    contexts.some((extension) => ends(extension.valueReference?.reference, order))
  );
}

/** Saves a response, new or over the earlier one; the saved resource. Throws SaveError. */
export async function save(client, response) {
  const headers = { "Content-Type": FHIR_JSON, Accept: FHIR_JSON, Prefer: "return=representation" };
  const path = response.id ? `QuestionnaireResponse/${response.id}` : "QuestionnaireResponse";
  const request = { url: path, method: response.id ? "PUT" : "POST", headers, body: JSON.stringify(response) };
  try {
    const saved = await client.request(request);
    return saved?.resourceType === "QuestionnaireResponse" ? saved : response;
  } catch (error) {
    throw new SaveError(error.statusCode ?? error.status, error.message);
  }
}

const MEANINGS = {
  401: "Your sign-in at the EHR has ended. Your answers are still here: open the form again in another window and sign in, or copy them.",
  403: "The EHR does not let you save this form.",
  404: "The EHR does not know the saved form any more. Save again to make a new one.",
  409: "Somebody else has changed the saved form meanwhile.",
  412: "Somebody else has changed the saved form meanwhile.",
};

/** Why nothing was saved, in words for the person. */
export class SaveError extends Error {
  constructor(status, said) {
    super(MEANINGS[status] ?? (status ? `The EHR refused the form (${status}). It said: ${said}` : "The EHR cannot be reached. Nothing was saved; your answers are still here."));
    this.status = status;
  }
}
