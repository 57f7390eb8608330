// The patient's chart as an EHR's summary: problems, findings, operations, coverage. Rows can be pointed at.

import { away, h } from "./dom.js";

/** The chart's sections; a type that could not be read says so. */
export function chartSummary(chart, ehr) {
  const observations = chart.of("Observation");
  const stated = (o) => o.code?.text?.startsWith("Statement");
  return [
    section("Problems", "Condition", chart.of("Condition"), conditionRow, chart, ehr),
    section("Findings", "Observation", observations.filter((o) => !stated(o)), observationRow, chart, ehr),
    section("Statements", "Observation", observations.filter(stated), observationRow, chart, ehr),
    section("Forms", "QuestionnaireResponse", chart.of("QuestionnaireResponse"), formRow, chart, ehr),
    section("Operations", "Procedure", chart.of("Procedure"), (p) => [words(p.code), p.status, day(p.performedDateTime)], chart, ehr),
    section("Coverage", "Coverage", chart.of("Coverage"), (c) => coverageRow(c, chart), chart, ehr),
  ];
}

function section(title, type, resources, row, chart, ehr) {
  const sorted = [...resources].sort((a, b) => (row(b)[2] ?? "").localeCompare(row(a)[2] ?? ""));
  const body = chart.failed.includes(type)
    ? h("p", { class: "trouble" }, "The record system answered this search with an error.")
    : sorted.length
      ? h("table", {}, h("tbody", {}, sorted.map((resource) => line(resource, row(resource), ehr))))
      : h("p", { class: "muted" }, "None on record.");
  return h("section", { class: "rows" }, h("h3", {}, title), body);
}

function line(resource, [what, detail, date], ehr) {
  const reference = `${resource.resourceType}/${resource.id}`;
  return h(
    "tr",
    { id: rowId(reference), tabindex: "-1" },
    h("th", { scope: "row" }, what),
    h("td", {}, detail ?? ""),
    h("td", { class: "date" }, date ?? ""),
    h("td", { class: "raw" }, away(`${ehr.base}/${reference}`, h("span", { class: "hidden" }, `${what} as `), "JSON")),
  );
}

/** Where the row of a resource is, for links from the evidence. */
export const rowId = (reference) => `row-${reference.replace("/", "-")}`;

const code = (concept) => concept?.coding?.[0]?.code;
const words = (concept) => concept?.text ?? concept?.coding?.[0]?.display ?? code(concept) ?? "not coded";
const day = (date) => date?.slice(0, 10);

function conditionRow(condition) {
  const status = [code(condition.clinicalStatus), code(condition.verificationStatus)].filter(Boolean).join(", ");
  return [`${words(condition.code)} (${code(condition.code) ?? "no code"})`, status, day(condition.onsetDateTime)];
}

function observationRow(observation) {
  const what = words(observation.code).replace(/^Statement: /, "");
  return [what.charAt(0).toUpperCase() + what.slice(1), value(observation), day(observation.effectiveDateTime)];
}

function value(observation) {
  const found = [observation, ...(observation.component ?? [])].map(one).filter(Boolean).join(", ");
  const site = observation.bodySite ? `, ${words(observation.bodySite)}` : "";
  const status = observation.status === "final" ? "" : ` [${observation.status}]`;
  return `${found || "no value"}${site}${status}`;
}

function one(holder) {
  if (holder.valueQuantity) return `${holder.valueQuantity.value} ${holder.valueQuantity.unit ?? ""}`.trim();
  if (holder.valueBoolean !== undefined) return holder.valueBoolean ? "yes" : "no";
  return holder.valueCodeableConcept ? words(holder.valueCodeableConcept) : holder.valueString;
}

function formRow(form) {
  const answered = (form.item ?? []).filter((item) => item.answer?.length).length;
  return ["Documentation form", `${form.status}, ${answered} answers`, day(form.authored)];
}

function coverageRow(coverage, chart) {
  const period = [coverage.period?.start, coverage.period?.end].map(day);
  const until = period[1] ? ` to ${period[1]}` : "";
  return [payerName(coverage, chart), `${coverage.class?.[0]?.name ?? ""}, member ${coverage.subscriberId ?? "unknown"}`, `${period[0] ?? ""}${until}`];
}

/** The payer's name, from the Organization where it is a reference. */
export function payerName(coverage, chart) {
  const payor = coverage.payor?.[0];
  const id = payor?.reference?.split("/").pop();
  return payor?.display ?? chart.of("Organization").find((o) => o.id === id)?.name ?? payor?.reference ?? "payer not stated";
}

/** Age in whole years today. */
export function age(birthDate) {
  const born = new Date(birthDate);
  const now = new Date();
  const before = now.getMonth() < born.getMonth() || (now.getMonth() === born.getMonth() && now.getDate() < born.getDate());
  return now.getFullYear() - born.getFullYear() - (before ? 1 : 0);
}
