"""Draft orders read into our terms."""
