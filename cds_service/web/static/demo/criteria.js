// Behind the card: how each criterion was judged, by which evidence, and what was looked for and not found.

import { away, h } from "./dom.js";

export const STATE = { met: "met", "not-met": "not met", unknown: "open" };
const MARK = { met: "✓", "not-met": "✗", unknown: "?" };

/** One determination as a tree. policy: the version's JSON or null; use: {ehr, show, sentence(remark)} */
export function determinationTree(found, policy, use) {
  const titles = new Map((policy?.criteria ?? []).map((criterion) => [criterion.id, criterion]));
  return h(
    "section",
    { class: "determination" },
    h(
      "p",
      { class: "verdict" },
      h("span", { class: `chip ${found.outcome}` }, found.outcome.replaceAll("-", " ")),
      " ",
      h("span", { class: "chip" }, `covered: ${found.covered ?? "not said"}`),
      (found.flags ?? []).map((flag) => [" ", h("span", { class: "chip conditional" }, flag)]),
    ),
    h("p", { class: "muted" }, policy ? `${policy.number}, version ${found.policy_version}` : "No policy was applied", found.coverage ? ` · ${found.coverage}` : ""),
    found.criteria?.length
      ? h("ol", { class: "criteria" }, found.criteria.map((criterion) => branch(criterion, titles.get(criterion.id), use)))
      : h("p", {}, policy?.position === "investigational" && found.outcome === "investigational" ? policy["position-says"] : "No criteria were evaluated for this answer."),
  );
}

function branch(criterion, asked, use) {
  const lines = [
    ...(criterion.evidence ?? []).map((evidence) => leaf("evidence", "Evidence", h("span", {}, evidence.summary, dated(evidence.date)), evidence.reference, use)),
    ...(criterion.gaps ?? []).map((gap) => leaf("gap", "Gap", use.sentence(gap), gap.reference, use)),
    ...(criterion.notes ?? []).map((note) => leaf("remark", "Note", use.sentence(note), note.reference, use)),
  ];
  return h(
    "li",
    { class: `criterion ${criterion.state}` },
    h(
      "p",
      { class: "criterion-head" },
      h("span", { class: "mark", "aria-hidden": "true" }, MARK[criterion.state]),
      h("strong", {}, asked?.title ?? criterion.id),
      " ",
      h("span", { class: `chip ${criterion.state}` }, STATE[criterion.state]),
    ),
    h("p", { class: "cites" }, criterion.cites, asked ? `: ${asked.says}` : ""),
    lines.length ? h("ul", {}, lines) : null,
  );
}

function leaf(kind, word, text, reference, use) {
  return h("li", { class: kind }, h("span", { class: "kind" }, word), " ", text, reference ? [" ", source(reference, use)] : null);
}

/** Shows the resource's row in the chart; its JSON is one more click away. */
export function source(reference, use) {
  const [type, id] = reference.split("/").slice(-2);
  const local = `${type}/${id}`;
  return h(
    "span",
    { class: "source-link" },
    h("button", { type: "button", class: "plain", onclick: () => use.show(local) }, local),
    " ",
    away(`${use.ehr.base}/${local}`, h("span", { class: "hidden" }, `${local} as `), "JSON"),
  );
}

const dated = (date) => (date ? [" (", h("span", { class: "day" }, date.slice(0, 10)), ")"] : []);

/** What the policy says, in short. */
export function policyDigest(policy, address) {
  if (!policy) return h("p", { class: "muted" }, "No policy was applied to this order.");
  return h(
    "section",
    { class: "policy" },
    h("h3", {}, `${policy.number}: ${policy.title}`),
    h("p", { class: "muted" }, `Effective ${policy["effective-from"]}, reviewed ${policy.reviewed ?? "on a date not given"}`),
    h("p", {}, policy["position-says"], " ", h("span", { class: "cites" }, `(${policy["position-cites"]})`)),
    policy.criteria?.length ? h("ol", {}, policy.criteria.map((c) => h("li", {}, h("strong", {}, c.title), ". ", c.says, " ", h("span", { class: "cites" }, c.cites)))) : null,
    list("Product exceptions", (policy["product-exceptions"] ?? []).map((one) => `${one.says} (${one.cites})`)),
    list("Caveats", policy.caveats ?? []),
    h("p", {}, away(address, "The whole policy, with codes, evidence and history")),
  );
}

const list = (title, items) => (items.length ? [h("h4", {}, title), h("ul", {}, items.map((item) => h("li", {}, item)))] : []);
