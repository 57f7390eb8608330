// Answers that the form's own expressions find in the chart (SDC): first values, and values to choose from.

const SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-";
const VARIABLE = "http://hl7.org/fhir/StructureDefinition/variable";
const QUERY = "application/x-fhir-query";
const FHIRPATH = "text/fhirpath";
const SPOKEN = [QUERY, FHIRPATH];

/**
 * {answers, offers, trouble}: linkId -> first answer; [{linkId, text, values}] on record to choose from; why not
 * everything could be filled in: the chart could not be searched, or an expression is in a language not spoken here.
 */
export async function fromChart(form, chart) {
  const known = { patient: await chart.patient.read(), user: await chart.user.read(), questionnaire: form };
  const found = { answers: new Map(), offers: [], trouble: "" };
  const value = (said) =>
    valueOf(said, known, chart).catch(() => {
      found.trouble = SPOKEN.includes(said.language)
        ? "Not all of the chart could be searched to fill in the form; check what is open."
        : `The form wants to fill itself in by ${said.language}, which this app does not run; answer by hand.`;
      return [];
    });
  const variables = (form.extension ?? []).filter(({ url }) => url === VARIABLE).map(({ valueExpression }) => valueExpression);
  const queries = variables.filter(({ language }) => language === QUERY);
  const results = await Promise.all(queries.map(value));
  queries.forEach(({ name }, index) => (known[name] = results[index]));
  for (const said of variables.filter(({ language }) => language !== QUERY)) known[said.name] = await value(said);
  for (const item of form.item) {
    const [first, choices] = ["initialExpression", "candidateExpression"].map((name) => expressionOf(item, name));
    const answer = first && asAnswer(item, (await value(first))[0]);
    if (answer) found.answers.set(item.linkId, answer);
    const values = choices ? distinct(await value(choices), results) : new Map();
    if (values.size) found.offers.push({ linkId: item.linkId, text: item.text, values });
  }
  return found;
}

const expressionOf = (item, name) => item.extension?.find(({ url }) => url === SDC + name)?.valueExpression;

async function valueOf({ language, expression }, known, chart) {
  if (language === QUERY) return chart.request(expression.replace("{{%patient.id}}", encodeURIComponent(known.patient.id)));
  if (language !== FHIRPATH) throw new Error(`no ${language} here`);
  const { fhirpath, fhirpathModel } = LForms.FHIR.R4;
  const found = await fhirpath.evaluate({}, expression, known, fhirpathModel, { async: true });
  return JSON.parse(JSON.stringify(found));
}

/** A value as an answer to a question of this type, or null. */
function asAnswer({ type }, value) {
  if (type === "boolean" && typeof value === "boolean") return { valueBoolean: value };
  if (type === "choice" && value?.code) return { valueCoding: value };
  if (type === "quantity" && value?.value !== undefined) return { valueQuantity: value };
  return null;
}

/** Quantities by how they read, each once, with the day of the resource they stand in. */
function distinct(values, bundles) {
  const quantities = values.filter((value) => value?.value !== undefined);
  const resources = bundles.flatMap((bundle) => (bundle?.entry ?? []).map(({ resource }) => resource));
  return new Map(quantities.map((value) => [`${value.value} ${value.unit ?? value.code ?? ""}`.trim() + day(value, resources), value]));
}

function day(value, resources) {
  const found = resources.find((resource) => JSON.stringify(resource).includes(JSON.stringify(value)));
  return found?.effectiveDateTime ? ` of ${found.effectiveDateTime.slice(0, 10)}` : "";
}

/** The chart as expressions may see it: searches by the person's token, resources of other patients left out. */
export function guarded(client, { patient, user }) {
  const reads = (type, reference) => {
    const [kind, id] = reference.split("/");
    const read = client.request(reference).catch(() => ({ resourceType: kind, id }));
    return { id, fhirUser: reference, resourceType: type, read: () => read };
  };
  const isOther = ({ resource }) => {
    const named = (resource?.subject ?? resource?.patient)?.reference;
    return named && !`/${named}`.endsWith(`/Patient/${patient}`);
  };
  return {
    patient: reads("Patient", `Patient/${patient}`),
    user: reads("Practitioner", user),
    encounter: { id: null, read: async () => null },
    getFhirVersion: async () => "4.0.1",
    getFhirRelease: async () => 4,
    request: async (query) => {
      const answer = await client.request(spelledOut(typeof query === "string" ? query : query.url));
      if (answer?.resourceType !== "Bundle") return answer;
      return { ...answer, entry: (answer.entry ?? []).filter((entry) => !isOther(entry)) };
    },
  };
}

/** A search with the slashes of its values encoded: some proxies make one of two that stand side by side. */
function spelledOut(search) {
  const [path, ...query] = search.split("?");
  return [path, ...query.map((part) => part.replaceAll("/", "%2F"))].join("?");
}
