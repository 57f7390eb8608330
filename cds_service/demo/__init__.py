"""Made-up patients and an EHR to hold them: what the demo and the sandbox commands are made of."""
