// The QuestionnaireResponse: whose answers they are, and how each came to be (DTR information-origin).

const DTR = "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/";
export const ORIGIN = `${DTR}information-origin`;
export const CONTEXT = `${DTR}qr-context`;

/** linkId -> its one answer, over all levels. */
export function answersOf(response) {
  const found = new Map();
  const walk = (items) => {
    for (const item of items ?? []) {
      if (item.answer?.length === 1) found.set(item.linkId, item.answer[0]);
      for (const answer of item.answer ?? []) walk(answer.item);
      walk(item.item);
    }
  };
  walk(response?.item);
  return found;
}

/** An answer's value as text that is the same for the same value. */
export function spelled(answer) {
  const quantity = answer.valueQuantity;
  if (quantity) return `${Number(quantity.value)} ${quantity.code ?? quantity.unit ?? ""}`;
  const coding = answer.valueCoding;
  if (coding) return `${coding.system ?? ""}|${coding.code ?? coding.display}`;
  return JSON.stringify(Object.entries(answer).find(([name]) => name.startsWith("value"))?.[1]);
}

/** linkId -> {answer, origin}: answers at hand before (draft, or saved earlier), else those found in the chart. */
export function baselineOf(before, found, version) {
  const baseline = new Map();
  const source = version === "2.0" ? "auto" : "auto-client";
  for (const [link, answer] of found) baseline.set(link, { answer, origin: origin(source) });
  for (const [link, answer] of before) {
    const said = answer.extension?.find((extension) => extension.url === ORIGIN);
    baseline.set(link, { answer, origin: said ?? origin(source) });
  }
  return baseline;
}

function origin(source, author) {
  const parts = [{ url: "source", valueCode: source }];
  if (author) parts.push({ url: "author", extension: [{ url: "practitioner", valueReference: { reference: author } }] });
  return { url: ORIGIN, extension: parts };
}

/** The response to save: what the form holds now, by whom, with the draft's context. The form's own order of questions. */
export function compose({ form, draft, earlier, exported, baseline, author, status }) {
  const { resourceType, extension, questionnaire, subject } = draft;
  const kept = earlier?.id ? { id: earlier.id } : {};
  const order = form.item.map((item) => item.linkId);
  const items = [...(exported.item ?? [])]
    .filter((item) => order.includes(item.linkId))
    .sort((a, b) => order.indexOf(a.linkId) - order.indexOf(b.linkId));
  const item = items.map((each) => withOrigins(each, baseline, author));
  const made = { resourceType, ...kept, extension, questionnaire, status, subject };
  return { ...made, authored: new Date().toISOString(), author: { reference: author }, ...(item.length ? { item } : {}) };
}

function withOrigins(item, baseline, author) {
  const answer = item.answer?.map((each) => {
    const before = baseline.get(item.linkId);
    const same = before && spelled(before.answer) === spelled(each);
    const said = same ? before.origin : origin(before ? "override" : "manual", author);
    const inner = each.item ? { item: each.item.map((one) => withOrigins(one, baseline, author)) } : {};
    return { extension: [said], ...each, ...inner };
  });
  const inner = item.item ? { item: item.item.map((one) => withOrigins(one, baseline, author)) } : {};
  return { ...item, ...(answer ? { answer } : {}), ...inner };
}
