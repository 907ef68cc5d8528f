"""Parts of a laboratory of its own."""
