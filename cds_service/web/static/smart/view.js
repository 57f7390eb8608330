// What the form app shows around the form: who the patient is, what the answer is, and which criteria are open.

import { h, rendered } from "./dom.js";

const OUTCOMES = {
  "meets-criteria": "Criteria met",
  "needs-info": "Information needed",
  investigational: "Considered investigational",
  "refer-to-plan": "The plan decides",
  "no-policy": "No policy here",
  "out-of-scope": "Not this service",
  "cannot-evaluate": "Cannot be evaluated",
};
const STATES = { met: "Met", "not-met": "Not met", unknown: "Open" };

/** The patient banner: name, birth date, sex and record number. */
export function banner(patient) {
  if (!patient) return h("header", { class: "banner" }, h("p", {}, "The EHR does not show who the patient is."));
  const name = patient.name?.find(({ use }) => use === "official") ?? patient.name?.[0] ?? {};
  const shown = name.text ?? [(name.given ?? []).join(" "), name.family].filter(Boolean).join(" ");
  const record = patient.identifier?.find(({ type }) => type?.coding?.some(({ code }) => code === "MR"));
  const facts = [
    ["Born", patient.birthDate],
    ["Sex", patient.gender],
    ["Record", record?.value],
  ];
  return h(
    "header",
    { class: "banner", "aria-label": "Patient" },
    h("p", { class: "name" }, shown || "Patient without a name"),
    h("dl", {}, facts.filter(([, value]) => value).map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value)))),
  );
}

/** Order, payer and policy. */
export function title(view) {
  const policy = view.policy && `${view.policy.number}, ${view.policy.title}, effective ${view.policy.effective}`;
  const link = view.page && h("a", { href: `..${view.page}`, target: "_blank", rel: "noopener" }, policy);
  return [
    h("h1", {}, view.order),
    h("p", { class: "muted" }, [view.payer, `service date ${view.serviceDate}`].filter(Boolean).join(", "), policy ? ": " : "", link),
  ];
}

/** The answer of now. again: it comes after the form was saved. */
export function answer(view, again) {
  return h(
    "section",
    { class: `panel answer ${view.outcome}`, id: "answer", "aria-labelledby": "answer-title" },
    h("h2", { id: "answer-title" }, again ? "The answer now" : "The answer so far"),
    h("p", { class: "verdict" }, h("span", { class: `chip ${view.outcome}` }, OUTCOMES[view.outcome] ?? view.outcome), " ", view.headline ?? ""),
    view.detail && h("details", {}, h("summary", {}, "The card in full"), h("div", { class: "detail" }, rendered(view.detail))),
  );
}

/** Each criterion with its state, what is on file, and what is missing. */
export function criteria(view) {
  if (!view.criteria.length) return null;
  const open = view.criteria.filter(({ state }) => state === "unknown").length;
  return h(
    "section",
    { class: "panel", id: "criteria", "aria-labelledby": "criteria-title" },
    h("h2", { id: "criteria-title" }, "Criteria of the policy"),
    h("p", { class: "muted" }, open ? `${open} of ${view.criteria.length} open` : "None is open."),
    h("ul", { class: "criteria" }, view.criteria.map(criterion)),
  );
}

function criterion({ title: name, says, cites, state, evidence, gaps, notes }) {
  // What an open criterion lacks may be there, out of reach or set aside: the notes say so.
  const remarks = state === "unknown" ? [...gaps, ...notes] : gaps;
  return h(
    "li",
    { "data-state": state },
    h("p", { class: "criterion" }, h("span", { class: `chip ${state}` }, STATES[state]), " ", h("strong", {}, name), h("span", { class: "muted" }, ` (${cites})`)),
    h("p", { class: "says" }, says),
    evidence.length ? h("p", {}, h("span", { class: "muted" }, "On file: "), evidence.map(onFile).join("; ")) : null,
    remarks.length ? h("ul", { class: "gaps" }, remarks.map((remark) => h("li", {}, remark))) : null,
  );
}

const onFile = ({ summary, date }) => (date ? `${summary} (${date.slice(0, 10)})` : summary);

/** Values on record that answer a question at a click. use: called with linkId and value. */
export function offers(found, use) {
  if (!found.length) return null;
  return h(
    "div",
    { class: "offers" },
    found.map(({ linkId, text, values }) =>
      h(
        "p",
        {},
        h("span", { class: "muted" }, `On record for “${text}” `),
        [...values].map(([shown, value]) => h("button", { class: "button small", type: "button", onclick: () => use(linkId, value) }, `Use ${shown}`)),
      ),
    ),
  );
}

/** The frame around the form: container, buttons, and a line that tells what was done. */
export function formPanel({ amending, actions }) {
  return h(
    "section",
    { class: "panel", id: "form", "aria-labelledby": "form-title" },
    h("h2", { id: "form-title" }, amending ? "Your statements, saved before" : "Your statements"),
    h("div", { id: "offers" }),
    h("div", { id: "questions" }),
    h("p", { class: "actions" }, actions),
    h("p", { id: "told", role: "status", "aria-live": "polite" }),
  );
}

/** Whose work the form's program is, as its licence asks. */
export const credit = (base) =>
  h(
    "footer",
    { class: "credit muted" },
    "The form is drawn by LHC-Forms of the Lister Hill National Center for Biomedical Communications, U.S. National Library of Medicine, with content of LOINC and UCUM: ",
    h("a", { href: `${base}LICENSE.md`, target: "_blank", rel: "noopener" }, "terms of use"),
    ".",
  );
