// Every way in which the form can fail to open, as a page that says what happened and what to do.

import { h, show } from "./dom.js";

const AGAIN = "Open the form again from the card of the order.";
const PAGES = {
  "handle-missing": ["No order was named", "The form belongs to one order, and nothing says which.", AGAIN],
  "handle-expired": ["The link has expired", "The card's link to this form is good for 24 hours.", "Sign the order again and open the form from the new card."],
  "handle-invalid": ["The link is not one of ours", "The card's link was not made by this service, or was changed on the way.", "Sign the order again and open the form from the new card."],
  "launch-foreign": ["Opened from another EHR", "The card was made for another EHR than the one that opened the form.", "Open the form in the EHR where the order was signed."],
  "ehr-unnamed": ["No EHR was named", "The call that brought the card named no FHIR server, so the form does not know whose chart to open.", "Open the form from within an EHR, or sign the order with its address (fhirServer)."],
  "client-unknown": ["The EHR is no longer registered", "This service does not work with that EHR any more.", "Ask whoever runs this service."],
  "ehr-unreachable": ["The EHR cannot be reached", "The browser got no answer from the EHR's server.", "Check the connection, then open the form again."],
  "no-sign-in": ["The EHR offers no sign-in", "The EHR's server does not say where people sign in, so the form cannot read the chart.", "Ask whoever runs the EHR whether SMART on FHIR is switched on."],
  "no-pkce": ["The EHR's sign-in is too old", "The EHR does not offer PKCE with S256, without which the form is not opened.", "Ask whoever runs the EHR."],
  denied: ["You were not let in", "The EHR, or you, declined to give the form access to the chart.", `To go on, say yes when the EHR asks. ${AGAIN}`],
  "sign-in": ["The EHR refused the sign-in", "The EHR did not accept how the form asked to be let in.", "Show this page to whoever runs the EHR or this service."],
  state: ["This sign-in was not started here", "The answer of the EHR does not belong to a sign-in of this window. It may be an old page, or somebody else's link.", AGAIN],
  code: ["The sign-in has expired", "The EHR did not accept the sign-in code. Codes are good for a few minutes and only once.", AGAIN],
  scope: ["The EHR gave too little access", "Without it the form can neither read what it needs nor save.", "Ask whoever runs the EHR to allow it for this app."],
  "no-patient": ["No patient is open", "The EHR did not say which patient the form is for.", "Open the patient's chart, and the form from there."],
  "no-user": ["The EHR did not say who you are", "Answers are a practitioner's statements, so they need a name.", "Ask whoever runs the EHR to allow openid and fhirUser for this app."],
  "not-practitioner": ["Only practitioners can answer", "The policy asks for statements of a practitioner, and you are signed in as somebody else.", "Sign in as a practitioner."],
  "patient-foreign": ["Another patient is open", "The order is for another patient than the one that is open in the EHR.", "Open the order's own patient, and the form from there."],
  "order-missing": ["The order is not there", "The EHR does not have the order that this form belongs to.", "Sign the order again and open the form from the new card."],
  "order-other": ["Another order is open", "The EHR opened the form for another order than the one on the card.", AGAIN],
  "coverage-gone": ["The coverage has changed", "The coverage that this form belongs to no longer applies to the order.", "Sign the order again."],
  "no-form": ["There is no form for this order", "The policy that applies asks for no documentation.", "Sign the order again to see what holds today."],
  service: ["The service could not answer", "Something went wrong on the side of this service.", "Try again in a moment."],
};

/** A failure with a page of its own. detail: what the other side said, shown as it came. */
export class Problem extends Error {
  constructor(code, detail = "") {
    super(code);
    this.code = code in PAGES ? code : "service";
    this.detail = detail || (this.code === code ? "" : code);
  }
}

/** Shows the page of a failure; anything unforeseen is the service's own. */
export function showProblem(error) {
  const problem = error instanceof Problem ? error : new Problem("service", String(error?.message ?? error));
  const [title, text, wayOut] = PAGES[problem.code];
  document.title = title;
  show(
    h(
      "section",
      { class: "panel problem", role: "alert", "data-problem": problem.code },
      h("h1", {}, title),
      h("p", {}, text),
      problem.detail && h("p", { class: "said" }, h("span", { class: "muted" }, "In its words: "), problem.detail),
      h("p", { class: "way-out" }, wayOut),
    ),
  );
}

/** JSON from one of our own calls. Throws Problem by the code of the OperationOutcome. */
export async function ask(path, body) {
  let response;
  try {
    response = await fetch(new URL(path, location.href), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Problem("service", "The service cannot be reached.");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const issue = answer.issue?.[0] ?? {};
  const code = issue.details?.coding?.[0]?.code ?? "service";
  throw new Problem(code, code in PAGES ? "" : [issue.details?.text, issue.diagnostics].filter(Boolean).join(" "));
}
