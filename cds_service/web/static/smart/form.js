// The form itself, drawn by LHC-Forms: what is open first, then what is answered.

import { h } from "./dom.js";

const FILES = ["zone.min.js", "lhc-forms.js", "lformsFHIR.min.js"];
const VERSION = "R4";
const SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-";
const CORE = "http://hl7.org/fhir/StructureDefinition/";
const CONTAINER = "questions";
const RADIO = {
  url: `${CORE}questionnaire-itemControl`,
  valueCodeableConcept: { coding: [{ system: "http://hl7.org/fhir/questionnaire-item-control", code: "radio-button" }] },
};
const oriented = (valueCode) => ({ url: `${CORE}questionnaire-choiceOrientation`, valueCode });
const MOST_RADIOS = 5;
const SIDE_BY_SIDE = 16; // letters of the longest answer that still leaves room for the next one in its line
// Filling is done before the form is drawn (fill.js): LHC-Forms shows no radio button as chosen that it fills in itself.
const FILLING = new Set([`${SDC}initialExpression`, `${SDC}candidateExpression`]);
const VARIABLE = `${CORE}variable`;

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

/**
 * Draws the form with these answers. asked: linkIds that an open criterion waits for; before: the answers by which questions are put in
 * order, so that none moves while the form is filled in; clear: called with the linkId of a choice that is to be open again.
 */
export async function draw({ form, answers, before, asked, chart, clear }) {
  const [patient, user] = await Promise.all([chart.patient.read(), chart.user.read()]);
  LForms.Util.setFHIRContext(chart, { patient, user });
  const made = LForms.Util.convertFHIRQuestionnaireToLForms(arranged(form, answers, before, asked), VERSION);
  await LForms.Util.addFormToPage(made, CONTAINER, { prepopulate: false, hideTreeLine: true, showCodingInstruction: true });
  const container = document.getElementById(CONTAINER);
  const choices = form.item.filter(({ type }) => type === "choice").map(({ linkId }) => clearable(container, linkId, clear));
  tellChosen(container, choices.filter(Boolean));
}

/** A button that opens a choice again, which radio buttons alone cannot; shown while one is chosen. */
function clearable(container, linkId, clear) {
  const group = container.querySelector(`[aria-labelledby^="label-${CSS.escape(linkId)}/"]`);
  if (!group) return null;
  const text = container.querySelector(`label[id="${CSS.escape(group.getAttribute("aria-labelledby"))}"]`)?.innerText ?? "";
  const button = h("button", { type: "button", class: "clear", "aria-label": `Clear: ${text.trim()}`, onclick: () => clear(linkId) }, "Clear");
  group.append(button);
  return { group, button };
}

/**
 * Keeps the state that assistive technology reads the same as the one that is drawn. LHC-Forms 40.1.3 (its ng-zorro radio
 * buttons) leaves `checked` false on a button chosen by keyboard; seen 2026-11-21.
 */
function tellChosen(container, choices) {
  const tell = () => {
    for (const { group, button } of choices) button.hidden = !group.querySelector(".ant-radio-wrapper-checked");
    for (const label of container.querySelectorAll(".ant-radio-wrapper")) {
      const input = label.querySelector("input");
      const is = label.classList.contains("ant-radio-wrapper-checked");
      if (input && input.checked !== is) input.checked = is;
    }
  };
  const later = () => setTimeout(tell, 0);
  new MutationObserver(later).observe(container, { subtree: true, attributes: true, attributeFilter: ["class"] });
  tell();
}

/** What the form holds now, as a QuestionnaireResponse without status or author of its own. */
export const held = () => LForms.Util.getFormFHIRData("QuestionnaireResponse", VERSION, `#${CONTAINER}`);

/** The form as it is drawn: questions that criteria wait for, further ones, those answered; answers as initial values. */
function arranged(form, answers, before, asked) {
  const copy = structuredClone(form);
  if (!isAlive(form)) copy.extension = (copy.extension ?? []).filter(({ url }) => url !== VARIABLE);
  const questions = copy.item.filter((item) => item.type !== "display");
  const notes = copy.item.filter((item) => item.type === "display");
  const rank = (item) => (before.has(item.linkId) ? 2 : asked.includes(item.linkId) ? 0 : 1);
  const sets = [0, 1, 2].map((wanted) => questions.filter((item) => rank(item) === wanted));
  questions.forEach((item) => dress(item, answers.get(item.linkId)));
  const titles = ["Needed for the answer", "Further questions", "Answered already; change what is not right"];
  copy.item = [...notes, ...sets.flatMap((set, index) => (set.length ? [heading(titles[index], index), ...set] : []))];
  return copy;
}

/** Whether expressions go on working while the form is filled in, so that their variables must stay. */
const isAlive = (form) => /calculatedExpression|enableWhenExpression|answerExpression/.test(JSON.stringify(form));

/** One question as it is drawn: no number, since the order is another one; few choices as radio buttons. */
function dress(item, answer) {
  delete item.prefix;
  const kept = (item.extension ?? []).filter(({ url }) => !FILLING.has(url));
  const few = item.type === "choice" && item.answerOption?.length <= MOST_RADIOS;
  item.extension = few ? [...kept, RADIO, oriented(isShort(item) ? "horizontal" : "vertical")] : kept;
  if (answer) item.initial = [plain(answer)];
}

const isShort = ({ answerOption }) => answerOption.every(({ valueCoding }) => (valueCoding?.display ?? "").length <= SIDE_BY_SIDE);

const heading = (text, index) => ({ linkId: `heading-${index}`, text, type: "display" });

const plain = ({ extension, item, ...value }) => value;
