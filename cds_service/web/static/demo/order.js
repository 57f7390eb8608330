// The draft order as the form has it, and the hook call that asks about it.

/** The stored draft with what the form changes: procedure, day, coverage to bill. */
export function draft(stored, form) {
  const order = structuredClone(stored);
  delete order.meta;
  delete order.orderDetail;
  order.code = structuredClone(form.procedure.code);
  if (form.procedure.orderDetail) order.orderDetail = structuredClone(form.procedure.orderDetail);
  order.occurrenceDateTime = form.day;
  if (form.coverage) order.insurance = [{ reference: form.coverage }];
  return order;
}

/** An order-sign call (CDS Hooks 2.0.1); prefetch is left out when nothing is sent along. */
export function hookCall(order, patient, ehr, prefetch) {
  const call = {
    hook: "order-sign",
    hookInstance: crypto.randomUUID(),
    fhirServer: ehr.base,
    // The made-up EHR is open; the service asks an EHR only for calls that bring a token.
    fhirAuthorization: { access_token: "open-server", token_type: "Bearer", expires_in: 300, scope: "patient/*.rs", subject: "made-up-ehr", patient },
    context: {
      userId: order.requester?.reference ?? "Practitioner/unknown",
      patientId: patient,
      draftOrders: { resourceType: "Bundle", type: "collection", entry: [{ resource: order }] },
    },
  };
  if (Object.keys(prefetch).length) call.prefetch = prefetch;
  return call;
}

/** The service's published templates filled in and fetched, as an EHR does; one that fails is left out. */
export async function prefetched(templates, context, ehr) {
  const tokens = { "context.patientId": context.patientId, "context.userId": context.userId };
  const found = await Promise.all(
    Object.entries(templates).map(async ([key, template]) => {
      const query = template.replace(/\{\{\s*([^{}]*?)\s*\}\}/g, (_, name) => encodeURIComponent(tokens[name] ?? ""));
      try {
        return [key, await ehr.fetched(query)];
      } catch {
        return null;
      }
    }),
  );
  return Object.fromEntries(found.filter(Boolean));
}

/** Prefetch that says "as if this payer covered the patient"; the chart itself stays as it is. */
export function coveredBy(payer, patient) {
  const coverage = {
    resourceType: "Coverage",
    id: `what-if-${payer.id}`,
    status: "active",
    beneficiary: { reference: `Patient/${patient}` },
    payor: [{ display: payer.name }],
  };
  return { coverage: { resourceType: "Bundle", type: "searchset", total: 1, entry: [{ resource: coverage }] } };
}

/** The coverage-information assertions on the orders that came back, as plain objects. */
export function assertions(response) {
  const orders = (response.systemActions ?? []).map((action) => action.resource).filter(Boolean);
  return orders.flatMap((order) =>
    (order.extension ?? [])
      .filter((extension) => extension.url?.endsWith("/ext-coverage-information"))
      .map(members),
  );
}

function members(extension) {
  const said = {};
  for (const part of extension.extension ?? []) {
    const key = Object.keys(part).find((name) => name.startsWith("value"));
    const value = key ? part[key] : null;
    if (value !== null) (said[part.url] ??= []).push(value);
  }
  return said;
}
