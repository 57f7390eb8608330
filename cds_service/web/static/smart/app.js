// The form app: signs in, shows what is open, lets a practitioner answer, saves, and asks for the answer anew.

import { focusOn, h, show } from "./dom.js";
import { earlierResponse, readPatient, save, SaveError } from "./ehr.js";
import { fromChart, guarded } from "./fill.js";
import { draw, held, libraries } from "./form.js";
import { ask, Problem, showProblem } from "./problem.js";
import { answersOf, baselineOf, compose, spelled } from "./response.js";
import { finish } from "./session.js";
import { answer, banner, credit, criteria, formPanel, offers, title } from "./view.js";

const base = document.querySelector("script[data-lforms]").dataset.lforms;
let session, view, baseline, chart, saved;
let earlier = null;
let before; // the answers that the form was opened with, by which its questions stay in order
let unknown = ""; // why it is not known whether there is an earlier one

async function open() {
  const loaded = libraries(base);
  loaded.catch(() => {}); // told where it is awaited
  session = await finish();
  if (session.open) Object.assign(session, await fromOrder());
  view = await evaluate();
  const patient = await readPatient(session.client, session.patient);
  if (view.form) await lookBack();
  page(patient);
  if (!view.form) return;
  await loaded;
  await firstDrawing();
}

/** The form as it was saved before. Where that cannot be looked up it is begun anew, and the person is told. */
async function lookBack() {
  try {
    earlier = await earlierResponse(session.client, { ...session, form: view.form, order: view.account.order });
  } catch {
    unknown = "Whether this form was saved before could not be looked up: the EHR did not answer the search for it. What you save makes a new form.";
  }
}

/** Patient and author at an EHR without sign-in, which only a service on this machine without authentication takes. */
async function fromOrder() {
  const order = await session.client.request(session.order).catch((error) => {
    const gone = [404, 410].includes(error.statusCode ?? error.status);
    throw new Problem(gone ? "order-missing" : "ehr-unreachable", error.message);
  });
  const last = (reference) => reference?.split("/").slice(-2).join("/");
  const user = last(order.requester?.reference);
  if (!user) throw new Problem("no-user");
  return { patient: last(order.subject?.reference)?.split("/")[1] ?? "", user };
}

function evaluate() {
  const token = session.client.state.tokenResponse ?? {};
  const { handle, iss, patient, user } = session;
  const { access_token, scope } = token;
  const left = session.client.state.expiresAt ? session.client.state.expiresAt - Math.floor(Date.now() / 1000) : undefined;
  return ask("evaluate", { handle, iss, patient, user, access_token, scope, expires_in: left });
}

function page(patient) {
  const needed = session.client.state.tokenResponse?.need_patient_banner !== false;
  const amending = ["completed", "amended"].includes(earlier?.status);
  const button = (id, text, onclick, main) => h("button", { id, type: "button", class: main ? "button main" : "button", onclick }, text);
  const actions = [
    button("complete", amending ? "Save as amended" : "Complete and save", () => keep(amending ? "amended" : "completed"), true),
    amending ? null : button("draft", "Save draft", () => keep("in-progress")),
  ];
  document.title = `Documentation: ${view.order}`;
  show(
    needed && banner(patient),
    title(view),
    answer(view, false),
    criteria(view),
    view.form && formPanel({ amending, actions }),
    view.form && credit(base),
  );
  if (view.form) document.getElementById("questions").textContent = "Filling in what the chart knows …";
}

async function firstDrawing() {
  chart = guarded(session.client, session);
  const found = await fromChart(view.form, chart);
  const drafted = new Map([...answersOf(view.draft), ...answersOf(earlier)]);
  baseline = baselineOf(drafted, found.answers, view.version);
  const known = new Map([...baseline].map(([link, { answer: value }]) => [link, value]));
  await redraw(known);
  saved = contents();
  showOffers(found.offers.filter(({ linkId }) => !known.has(linkId)));
  const troubles = [unknown, found.trouble].filter(Boolean);
  if (troubles.length) tell(troubles.join(" "), true);
  document.getElementById("form").dataset.ready = "true";
  performance.mark("form-ready");
}

function redraw(answers) {
  const asked = view.criteria.filter(({ state }) => state === "unknown").flatMap(({ questions }) => questions);
  document.getElementById("questions").textContent = "";
  before ??= answers;
  return draw({ form: view.form, answers, before, asked, chart, clear });
}

async function clear(linkId) {
  const kept = answersOf(held());
  kept.delete(linkId);
  await redraw(kept);
  document.querySelector(`[aria-labelledby^="label-${CSS.escape(linkId)}/"] input`)?.focus();
}

function showOffers(found) {
  const use = async (linkId, value) => {
    await redraw(new Map([...answersOf(held()), [linkId, { valueQuantity: value }]]));
    tell("Taken over from the record. Check that it is what the question asks for.");
  };
  document.getElementById("offers").replaceChildren(...[offers(found, use)].filter(Boolean));
}

const contents = () => JSON.stringify([...answersOf(held())].map(([link, value]) => [link, spelled(value)]).sort());

async function keep(status) {
  const response = compose({ ...view, earlier, exported: held(), baseline, author: session.user, status });
  if (!response.item) return tell("Nothing is answered yet.", true);
  const odd = unusable(response.item);
  if (odd && status !== "in-progress") return tell(`Not saved: “${odd}” needs a number above zero and a unit, cm or mm.`, true);
  busy(true);
  try {
    const stored = await save(session.client, response);
    saved = contents();
    if (stored.id) earlier = stored;
    else await lookBack();
    if (status === "in-progress") tell("Draft saved to the chart. A draft does not count as a statement.");
    else await renew();
  } catch (error) {
    if (error instanceof SaveError && error.status === 404) earlier = null;
    tell(error instanceof SaveError ? error.message : `Saved, but the new answer could not be had: ${said(error)}`, true);
  } finally {
    busy(false);
  }
}

/** The text of a question that is answered by a quantity nobody can use, if there is one. */
function unusable(items) {
  const isOdd = ({ valueQuantity: quantity }) => quantity && !(quantity.value > 0 && ["cm", "mm"].includes(quantity.code ?? quantity.unit));
  return items.find(({ answer: answers }) => (answers ?? []).some(isOdd))?.text;
}

const said = (error) => (error instanceof Problem && error.detail) || error.message;

/** The new answer in place of the old one. */
async function renew() {
  const fresh = await evaluate();
  view = { ...fresh, form: view.form, draft: view.draft };
  document.getElementById("answer").replaceWith(answer(view, true));
  document.getElementById("criteria")?.replaceWith(criteria(view) ?? "");
  document.getElementById("draft")?.remove();
  document.getElementById("complete").replaceWith(
    h("button", { id: "complete", type: "button", class: "button", onclick: () => keep("amended") }, "Save as amended"),
  );
  tell("Saved to the chart.");
  focusOn(document.getElementById("answer-title"));
}

function tell(text, trouble = false) {
  const line = document.getElementById("told");
  line.className = trouble ? "trouble" : "done";
  line.textContent = text;
}

function busy(is) {
  for (const button of document.querySelectorAll(".actions button")) button.disabled = is;
  if (is) tell("Saving …");
}

addEventListener("beforeunload", (event) => {
  if (saved !== undefined && contents() !== saved) event.preventDefault();
});

open().catch(showProblem);
