// The order-entry page: choose a patient, fill in the order, sign, read the cards and what stands behind them.

import { chartSummary, age, payerName, rowId } from "./chart.js";
import { compare } from "./compare.js";
import { policyDigest } from "./criteria.js";
import { at, copyButton, fill, h, json } from "./dom.js";
import { fhirServer, get, post, readChart } from "./ehr.js";
import { coveredBy, draft, prefetched } from "./order.js";
import { answerView, sign, treeView, troubleView } from "./signing.js";
import { tabs } from "./tabs.js";

const site = await get(at("ehr").dataset.site);
const { services } = await get(site.discovery);
const service = services.find((one) => one.hook === "order-sign");
site.sign = `${site.discovery}/${service.id}`;
const ehr = fhirServer(site.ehr);
const context = { site, ehr };
const tell = (text) => fill(at("status"), text);
const use = { ehr, feedback: `${site.sign}/feedback`, words: (what) => post(site.words, what), show, tell };
const showTab = tabs(at("tabs"));
const BEFORE = {
  criteria: "Sign the order to see how each criterion of the policy was judged, by which evidence, and what was looked for and not found.",
  policy: "Sign the order to see what the policy that decided says, section by section.",
  request: "Sign the order to see the hook call that this page sends as an EHR.",
  response: "Sign the order to see the answer as it came.",
};
let current = null; // {patient, chart, stored}
let run = 0; // the latest action; answers of earlier ones are dropped

for (const procedure of site.procedures) at("procedure").append(h("option", { value: procedure.id }, procedure.label));
at("find").addEventListener("input", () => listPatients(at("find").value));
at("order").addEventListener("submit", (event) => (event.preventDefault(), act(signOrder)));
at("compare").addEventListener("click", () => act(comparePayers));
window.addEventListener("hashchange", () => choose(wanted()));
listPatients("");
await choose(wanted());

function wanted() {
  const slug = decodeURIComponent(location.hash.slice(1));
  return site.patients.find((patient) => patient.slug === slug) ?? site.patients[0];
}

function listPatients(text) {
  const asked = text.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = site.patients.filter((patient) => asked.every((word) => searchable(patient).includes(word)));
  fill(at("patients"), shown.length ? shown.map(patientItem) : h("li", { class: "muted" }, "Nobody by these words."));
  mark();
}

const searchable = (patient) => [patient.name, patient.story, patient.payers.join(" "), Object.values(patient.expect).join(" ")].join(" ").toLowerCase().replaceAll("-", " ");

function patientItem(patient) {
  const outcomes = Object.values(patient.expect).map((outcome) => h("span", { class: `chip ${outcome}` }, outcome.replaceAll("-", " ")));
  return h(
    "li",
    {},
    h("a", { href: `#${patient.slug}`, "data-slug": patient.slug }, h("strong", {}, patient.name), h("span", { class: "payer" }, patient.payers.join(" and ")), h("span", { class: "chips" }, outcomes)),
  );
}

function mark() {
  for (const link of at("patients").querySelectorAll("a")) {
    if (link.dataset.slug === current?.patient.slug) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

async function choose(patient) {
  const mine = ++run;
  const chart = await readChart(ehr, patient.id);
  if (mine !== run) return;
  current = { patient, chart, stored: chart.of("ServiceRequest").find((order) => order.id === patient.order) };
  mark();
  showBanner();
  showForm();
  fill(at("chart"), chartSummary(chart, ehr));
  fill(at("answer"));
  tell("");
  at("ehr").classList.remove("comparing");
  for (const [name, text] of Object.entries(BEFORE)) fill(at(`pane-${name}`), h("p", { class: "muted" }, text));
  document.title = `${patient.name}: order entry, made-up EHR`;
}

function showBanner() {
  const { patient, chart } = current;
  fill(at("name"), patient.name);
  const record = chart.person.identifier?.find((one) => one.type)?.value;
  fill(at("facts"), [`${age(chart.person.birthDate)} years, ${chart.person.gender}`, `born ${chart.person.birthDate}`, `record ${record}`, patient.payers.join(" and ")].map((fact) => h("span", {}, fact)));
  fill(at("story"), patient.story);
}

function showForm() {
  const { chart, stored } = current;
  const procedure = site.procedures.find((one) => one.code.coding[0].code === stored.code.coding[0].code);
  at("procedure").value = (procedure ?? site.procedures[0]).id;
  at("day").value = stored.occurrenceDateTime.slice(0, 10);
  const onFile = chart.of("Coverage").map((coverage) => h("option", { value: `Coverage/${coverage.id}` }, `${payerName(coverage, chart)}, ${coverage.class?.[0]?.name ?? "no plan"}`));
  const asIf = site.payers.map((payer) => h("option", { value: `as-if:${payer.id}` }, payer.name));
  fill(at("coverage"), h("option", { value: "" }, "all on file"), onFile.length ? h("optgroup", { label: "On file" }, onFile) : null, h("optgroup", { label: "As if covered by" }, asIf));
}

async function act(what) {
  const mine = ++run;
  for (const id of ["sign", "compare"]) at(id).disabled = true;
  tell("Asking the service ...");
  try {
    await what(() => mine === run);
  } catch (error) {
    fill(at("answer"), troubleView(error));
    tell("");
  } finally {
    for (const id of ["sign", "compare"]) at(id).disabled = false;
  }
}

function formOrder() {
  const chosen = at("coverage").value;
  const procedure = site.procedures.find((one) => one.id === at("procedure").value);
  return draft(current.stored, { procedure, day: at("day").value, coverage: chosen.startsWith("Coverage/") ? chosen : null });
}

async function sentAlong(order) {
  const { patient } = current;
  const payer = site.payers.find((one) => `as-if:${one.id}` === at("coverage").value);
  const published = at("along").value === "published";
  const found = published ? await prefetched(service.prefetch, { patientId: patient.id, userId: order.requester.reference }, ehr) : {};
  return payer ? { ...found, ...coveredBy(payer, patient.id) } : found;
}

async function signOrder(still) {
  await refresh();
  at("ehr").classList.remove("comparing");
  const order = formOrder();
  const signed = await sign(order, current.patient.id, await sentAlong(order), context);
  const [cards, trees] = await Promise.all([answerView(signed, use), treeView(signed, use)]);
  if (!still()) return;
  const count = signed.response.cards?.length ?? 0;
  tell(`Signed. ${count === 1 ? "1 card" : `${count} cards`} in ${signed.seconds.toFixed(2)} s.`);
  fill(at("answer"), cards);
  fill(at("pane-criteria"), trees);
  fill(at("pane-policy"), signed.accounts.length ? signed.accounts.map(({ policy, address }) => policyDigest(policy, address)) : policyDigest(null));
  fill(at("pane-request"), raw(`POST ${site.sign}`, signed.request));
  fill(at("pane-response"), raw("200 OK", signed.response));
  showTab("criteria");
}

/** Reads the chart again: a form may have been saved since. */
async function refresh() {
  current.chart = await readChart(ehr, current.patient.id);
  fill(at("chart"), chartSummary(current.chart, ehr));
}

const raw = (title, value) => h("div", {}, h("p", { class: "raw-head" }, h("code", {}, title), copyButton(JSON.stringify(value, null, 2))), json(value));

async function comparePayers() {
  at("ehr").classList.add("comparing");
  await compare(at("answer"), formOrder(), current.patient.id, context, use);
  tell("Compared. The chart is the same; only the coverage sent along differs.");
}

/** Brings a resource's row of the chart into view and points at it. */
function show(reference) {
  const row = at(rowId(reference));
  if (!row) return;
  for (const other of document.querySelectorAll("tr.pointed")) other.classList.remove("pointed");
  row.classList.add("pointed");
  row.scrollIntoView({ block: "center" });
  row.focus({ preventScroll: true });
}
