"""Which files, when to look, and what is new in one file. Bytes come out as they are; nothing here knows what a line is."""
