"""The CDS Hooks wire format; nothing about payers."""
