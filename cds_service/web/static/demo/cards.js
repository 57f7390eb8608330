// Cards as an EHR shows them: indicator, source, summary, detail, suggestions, links, override reasons with feedback.

import { away, fill, h } from "./dom.js";
import { post } from "./ehr.js";

const ORDER = { critical: 0, warning: 1, info: 2 };
const SPOKEN = { critical: "Critical", warning: "Warning", info: "Information" };

/** The cards of an answer, most urgent first. use: {words, ehr, feedback, tell} */
export async function cardList(cards, use) {
  const sorted = [...cards].sort((a, b) => (ORDER[a.indicator] ?? 3) - (ORDER[b.indicator] ?? 3));
  const { html } = await use.words({ markdown: sorted.map((card) => card.detail ?? "") });
  return sorted.map((card, index) => cardElement(card, html[index], use));
}

function cardElement(card, detail, use) {
  const body = h("div", { class: "detail" });
  body.innerHTML = detail; // made from Markdown and cleaned by the service; see /demo/words
  for (const link of body.querySelectorAll("a")) Object.assign(link, { target: "_blank", rel: "noopener" });
  const foot = h("div", { class: "card-foot" });
  const article = h(
    "article",
    { class: `card ${card.indicator}` },
    h("h3", {}, h("span", { class: "hidden" }, `${SPOKEN[card.indicator] ?? "Card"}: `), card.summary),
    sourceLine(card.source),
    body,
    links(card.links, use),
    suggestions(card, use, foot),
    foot,
  );
  overriding(card, use, foot);
  return article;
}

function sourceLine(source) {
  if (!source?.label) return null;
  return h("p", { class: "source" }, "Source: ", source.url ? away(source.url, source.label) : source.label);
}

function links(all, use) {
  if (!all?.length) return null;
  return h("p", { class: "links" }, all.map((link) => away(address(link, use.ehr), link.label)));
}

/** A SMART link carries where the EHR is, as an EHR launch does; others stay as they are. */
function address(link, ehr) {
  if (link.type !== "smart") return link.url;
  const url = new URL(link.url);
  url.searchParams.set("iss", ehr.base);
  return url.href;
}

function suggestions(card, use, foot) {
  if (!card.suggestions?.length) return null;
  const buttons = card.suggestions.map((suggestion) => {
    const button = h("button", { class: "button", type: "button", onclick: accept }, suggestion.label);
    async function accept() {
      button.disabled = true;
      try {
        const made = await Promise.all((suggestion.actions ?? []).map((action) => apply(action, use.ehr)));
        await send(card, use, { outcome: "accepted", acceptedSuggestions: [{ id: suggestion.uuid }] });
        done(foot, `Accepted: ${made.filter(Boolean).join(", ") || suggestion.label}.`);
      } catch (error) {
        button.disabled = false;
        done(foot, `Not done: ${error.message}`);
      }
    }
    return button;
  });
  return h("p", { class: "suggestions" }, buttons);
}

/** A suggested resource goes into the EHR; anything else is told. */
async function apply(action, ehr) {
  if (action.type !== "create") return action.description;
  const { id: _, ...resource } = action.resource;
  const made = await ehr.create(resource);
  return `${action.description} (${made.resourceType}/${made.id})`;
}

function overriding(card, use, foot) {
  if (!card.uuid) return;
  const reasons = card.overrideReasons ?? [];
  const id = `why-${card.uuid}`;
  const choice = h(
    "select",
    { id },
    h("option", { value: "" }, "no reason given"),
    reasons.map((reason) => h("option", { value: reason.code }, reason.display)),
  );
  const comment = h("input", { type: "text", id: `${id}-words`, maxlength: "500", placeholder: "Comment" });
  const button = h("button", { class: "button", type: "button", onclick: override }, reasons.length ? "Override" : "Dismiss");
  async function override() {
    const reason = reasons.find((one) => one.code === choice.value);
    const why = {};
    if (reason) why.reason = { code: reason.code, system: reason.system };
    if (comment.value.trim()) why.userComment = comment.value.trim();
    try {
      await send(card, use, { outcome: "overridden", ...(Object.keys(why).length && { overrideReason: why }) });
      done(foot, `Overridden${reason ? `: ${reason.display}` : ""}. The service was told.`);
    } catch (error) {
      use.tell(`The feedback was not taken: ${error.message}`);
    }
  }
  const asked = reasons.length
    ? [h("label", { for: id }, "Go on anyway because"), choice, h("label", { class: "hidden", for: `${id}-words` }, "Comment"), comment]
    : [];
  fill(foot, h("div", { class: "override" }, asked, button));
}

/** Feedback to the service that sent the card (CDS Hooks 2.0.1, feedback). */
const send = (card, use, what) =>
  post(use.feedback, { feedback: [{ card: card.uuid, ...what, outcomeTimestamp: new Date().toISOString() }] });

function done(foot, text) {
  fill(foot, h("p", { class: "told", role: "status" }, text));
}
