// The same chart and order under each payer, side by side: "as if this payer covered the patient".

import { fill, h } from "./dom.js";
import { coveredBy } from "./order.js";
import { answerView, sign, treeView, troubleView } from "./signing.js";

/** Fills a place with one column for each payer. order: the draft; patient: its id. */
export async function compare(place, order, patient, context, use) {
  const bare = structuredClone(order);
  delete bare.insurance;
  const columns = context.site.payers.map((payer) => h("section", { class: "column", "aria-label": payer.name }, h("h3", {}, `As if covered by ${payer.name}`), h("p", { class: "muted" }, "Asking the service ...")));
  fill(place, h("div", { class: "compare" }, columns));
  await Promise.all(
    context.site.payers.map(async (payer, index) => {
      const column = columns[index];
      const title = column.firstChild;
      try {
        const signed = await sign(bare, patient, coveredBy(payer, patient), context);
        fill(column, title, await answerView(signed, use), h("div", { class: "panel" }, await treeView(signed, use)));
      } catch (error) {
        fill(column, title, troubleView(error));
      }
    }),
  );
}
