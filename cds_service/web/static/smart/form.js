// The form itself, drawn by LHC-Forms: open questions first, filled from draft, chart and what was saved before.

const FILES = ["zone.min.js", "lhc-forms.js", "lformsFHIR.min.js"];
const VERSION = "R4";
const SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-";
const VARIABLE = "http://hl7.org/fhir/StructureDefinition/variable";
const CONTAINER = "questions";

/** Loads LHC-Forms, one file after the other. */
export async function libraries(base) {
  for (const name of FILES) {
    await new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = base + name;
      script.onload = done;
      script.onerror = () => failed(new Error(`${name} cannot be loaded`));
      document.head.append(script);
    });
  }
}

/** Draws the form with these answers; fill: also let its expressions read the chart. Whether that worked. */
export async function draw({ form, answers, asked, chart, fill }) {
  const { patient, user } = chart;
  LForms.Util.setFHIRContext(chart, { patient: await patient.read(), user: await user.read() });
  const drawn = async (prepopulate) => {
    let made = LForms.Util.convertFHIRQuestionnaireToLForms(arranged(form, answers, asked), VERSION);
    if (answers.size) made = LForms.Util.mergeFHIRDataIntoLForms(asResponse(form, answers), made, VERSION);
    const layout = { answerLayout: { type: "RADIO_CHECKBOX", columns: "1" } };
    made.templateOptions = { ...made.templateOptions, showFormHeader: false, hideTreeLine: true, defaultAnswerLayout: layout };
    await LForms.Util.addFormToPage(made, CONTAINER, { prepopulate });
  };
  try {
    await drawn(fill);
    return true;
  } catch (error) {
    if (!fill) throw error;
    await drawn(false);
    return false;
  }
}

/** What the form holds now, as a QuestionnaireResponse without status or author of its own. */
export const held = () => LForms.Util.getFormFHIRData("QuestionnaireResponse", VERSION, `#${CONTAINER}`);

/** The form as it is drawn: what is open first, then what is answered; an answered question is not filled again. */
function arranged(form, answers, asked) {
  const copy = structuredClone(form);
  const questions = copy.item.filter((item) => item.type !== "display");
  const notes = copy.item.filter((item) => item.type === "display");
  const rank = (item) => (answers.has(item.linkId) ? 2 : asked.includes(item.linkId) ? 0 : 1);
  const sets = [0, 1, 2].map((wanted) => questions.filter((item) => rank(item) === wanted));
  for (const item of questions) {
    delete item.prefix;
    if (answers.has(item.linkId)) item.extension = (item.extension ?? []).filter(({ url }) => url !== `${SDC}initialExpression`);
  }
  const titles = ["Needed for the answer", "Further questions", "Answered already; change what is not right"];
  copy.item = [...notes, ...sets.flatMap((set, index) => (set.length ? [heading(titles[index], index), ...set] : []))];
  return copy;
}

const heading = (text, index) => ({ linkId: `heading-${index}`, text, type: "display" });

function asResponse(form, answers) {
  const item = form.item.filter(({ linkId }) => answers.has(linkId)).map(({ linkId }) => ({ linkId, answer: [plain(answers.get(linkId))] }));
  return { resourceType: "QuestionnaireResponse", status: "in-progress", questionnaire: form.url, item };
}

const plain = ({ extension, ...value }) => value;

/** Values on record that the form's candidateExpressions offer: [{linkId, text, answers}]. */
export async function candidates(form, chart) {
  const variables = { patient: await chart.patient.read(), questionnaire: form };
  for (const { valueExpression: said } of (form.extension ?? []).filter(({ url }) => url === VARIABLE)) {
    variables[said.name] = await valueOf(said, variables, chart).catch(() => []);
  }
  const offers = [];
  for (const item of form.item) {
    const said = item.extension?.find(({ url }) => url === `${SDC}candidateExpression`)?.valueExpression;
    const found = said ? await valueOf(said, variables, chart).catch(() => []) : [];
    const quantities = found.filter((value) => value?.value !== undefined);
    const distinct = new Map(quantities.map((value) => [`${value.value} ${value.unit ?? value.code}`, value]));
    if (distinct.size) offers.push({ linkId: item.linkId, text: item.text, values: distinct });
  }
  return offers;
}

async function valueOf({ language, expression }, variables, chart) {
  if (language === "text/fhirpath") {
    const { fhirpath, fhirpathModel } = LForms.FHIR[VERSION];
    const found = await fhirpath.evaluate({}, expression, variables, fhirpathModel, { async: true });
    return JSON.parse(JSON.stringify(found));
  }
  return chart.request(expression.replace("{{%patient.id}}", encodeURIComponent(variables.patient.id)));
}

/** The chart as LHC-Forms may see it: searches by the person's token, resources of other patients left out. */
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
      const answer = await client.request(typeof query === "string" ? query : query.url);
      if (answer?.resourceType !== "Bundle") return answer;
      return { ...answer, entry: (answer.entry ?? []).filter((entry) => !isOther(entry)) };
    },
  };
}
