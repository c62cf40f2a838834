"""Code that several commands share: base records, lookup of documents, proposals and failures."""
