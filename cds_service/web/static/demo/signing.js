// One signing from start to end: the call, its answer, and what the service keeps about each determination.

import { get, post } from "./ehr.js";
import { assertions, hookCall } from "./order.js";
import { fill, h } from "./dom.js";
import { cardList } from "./cards.js";
import { determinationTree } from "./criteria.js";

/** Signs an order. context: {site, ehr}; gives {request, response, seconds, stored, accounts: [{account, policy, address}]} */
export async function sign(order, patient, prefetch, context) {
  const { site, ehr } = context;
  const request = hookCall(order, patient, ehr, prefetch);
  const start = performance.now();
  const response = await post(site.sign, request);
  const seconds = (performance.now() - start) / 1000;
  const stored = assertions(response);
  const determinations = stored.length ? await recorded(stored, site) : (await post(site.account, request)).determinations;
  const accounts = await Promise.all(determinations.map((account) => withPolicy(account, site)));
  return { request, response, seconds, stored, accounts };
}

/** What the service keeps under each assertion; an answer without a coverage asserts nothing and has no record. */
const recorded = (stored, site) =>
  Promise.all(stored.map((said) => get(`${site.determinations}/${said["coverage-assertion-id"][0]}`)));

async function withPolicy(account, site) {
  const address = account.policy ? `${site.policies}/${account.policy}/versions/${account.policy_version}` : null;
  return { account, policy: address ? await get(address) : null, address };
}

/** Sentences for the codes of gaps and notes, asked for all at once. */
export async function sentences(accounts, use) {
  const remarks = accounts.flatMap(({ account }) => (account.criteria ?? []).flatMap((c) => [...(c.gaps ?? []), ...(c.notes ?? [])]));
  const { sentences: told } = await use.words({ remarks });
  const known = new Map(remarks.map((remark, index) => [key(remark), told[index]]));
  return (remark) => known.get(key(remark)) ?? remark.code;
}

const key = (remark) => JSON.stringify([remark.code, remark.about, remark.reference, remark.date]);

/** The cards of an answer, and what an EHR stores on the order. */
export async function answerView(signed, use) {
  const cards = await cardList(signed.response.cards ?? [], use);
  return [
    cards.length ? cards : h("p", { class: "panel muted" }, "The service has no card for this order."),
    signed.stored.map(storedView),
  ];
}

/** The criteria trees of an answer. */
export async function treeView(signed, use) {
  const sentence = await sentences(signed.accounts, use);
  return signed.accounts.map(({ account, policy }) => determinationTree(account, policy, { ...use, sentence }));
}

const SHOWN = { covered: "Covered", "pa-needed": "Prior authorization", "doc-needed": "Documentation", "info-needed": "Information", questionnaire: "Form" };

function storedView(said) {
  const rows = Object.entries(SHOWN).filter(([code]) => said[code]).map(([code, label]) => [h("dt", {}, label), h("dd", {}, said[code].map(plain).join(", "))]);
  const reason = said.reason?.map(plain).join(" ") ?? said["reason"]?.[0]?.text;
  return h(
    "details",
    { class: "stored" },
    h("summary", {}, "Saved on the order: coverage information"),
    h("dl", {}, rows, reason ? [h("dt", {}, "Reason"), h("dd", {}, reason)] : [], h("dt", {}, "Assertion"), h("dd", {}, h("code", {}, said["coverage-assertion-id"]?.[0] ?? ""))),
  );
}

const plain = (value) => (typeof value === "string" ? value : (value.text ?? value.display ?? value.code ?? value.coding?.[0]?.code ?? value.reference ?? ""));

/** A message in place of an answer. */
export const troubleView = (error) => h("div", { class: "card critical" }, h("h3", {}, "No answer from the service"), h("p", {}, error.message), error.body ? fill(h("pre", {}), JSON.stringify(error.body, null, 2)) : null);
