"""From a patient's coverages to the payer and the policy version that decides."""
