"""What is known of the patient, and the only code that calls an EHR."""
