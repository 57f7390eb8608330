// The launch page: from the card's link, or the EHR's launch, to the EHR's sign-in.

import { showProblem } from "./problem.js";
import { begin } from "./session.js";

begin().catch(showProblem);
